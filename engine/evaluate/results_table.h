// An evaluation as a table for a person: one column per batch size, accuracy above latency.
// A pure function; the machine-readable form is results_writer.h.
#pragma once

#include <string>

#include "engine/evaluate/evaluation.h"
#include "engine/evaluate/evaluation_task.h"

namespace strata {

// Several lines of UTF-8 text. A figure that the run could not have, like the TPOT of answers of
// one token, stands as N/A.
std::string FormatEvaluation(const EvaluationTask& task, const Evaluation& evaluation);

}  // namespace strata
