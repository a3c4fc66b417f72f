// The `strata` program: parses its arguments, runs a verb, returns the exit code.
#pragma once

namespace strata {

int RunProgram(int argc, char** argv);

}  // namespace strata
