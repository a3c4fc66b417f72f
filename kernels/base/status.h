// Status macros: how every fallible function of Strata reports and passes on errors.
//
// Whatever depends on input, files, memory or devices returns absl::Status or absl::StatusOr.
// Programmer errors (a broken precondition that no input can cause) are STRATA_CHECKs with a
// sentence. Text views are absl::string_view: Debian 12's Abseil keeps it apart from
// std::string_view, so convert with std::string(view) at the border of other libraries.
#pragma once

#include <cstdio>
#include <cstdlib>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns the status of `expr` from the enclosing function unless it is OK.
#define STRATA_RETURN_IF_ERROR(expr)                                                         \
  do {                                                                                       \
    if (::absl::Status strata_status_ = (expr); !strata_status_.ok()) return strata_status_; \
  } while (false)

#define STRATA_CONCAT_INNER_(a, b) a##b
#define STRATA_CONCAT_(a, b) STRATA_CONCAT_INNER_(a, b)

// Evaluates a StatusOr `expr`; returns its status on error, else assigns the value to `lhs`,
// which may be a declaration.
#define STRATA_ASSIGN_OR_RETURN(lhs, expr) \
  STRATA_ASSIGN_OR_RETURN_IMPL_(STRATA_CONCAT_(strata_status_or_, __LINE__), lhs, expr)
#define STRATA_ASSIGN_OR_RETURN_IMPL_(temporary, lhs, expr)  \
  auto temporary = (expr);                                   \
  if (!temporary.ok()) return std::move(temporary).status(); \
  lhs = *std::move(temporary)

// Aborts with `sentence` when a precondition that only our own code can break is broken.
#define STRATA_CHECK(condition, sentence)                                                   \
  do {                                                                                      \
    if (!(condition)) {                                                                     \
      std::fprintf(stderr, "%s:%d: check failed: %s: %s\n", __FILE__, __LINE__, #condition, \
                   sentence);                                                               \
      std::abort();                                                                         \
    }                                                                                       \
  } while (false)

namespace strata {

// `status` with "`context`: " before its message; an OK status stays OK.
absl::Status WithContext(const absl::Status& status, absl::string_view context);

}  // namespace strata
