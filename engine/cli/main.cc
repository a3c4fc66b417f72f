#include "engine/cli/program.h"

int main(int argc, char** argv) { return strata::RunProgram(argc, argv); }
