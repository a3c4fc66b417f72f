// A program of ours that is killed while it writes: what the tests of durable jobs share.
#pragma once

#include <signal.h>
#include <sys/wait.h>

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <system_error>

namespace strata {

// Bytes of a file; 0 when there is none.
inline uintmax_t SizeOf(const std::string& path) {
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

// Kills the process once the file has `goal` bytes, and a random moment later; what waitpid says of
// it. A process that was not given the time to be killed has ended by itself: WIFEXITED.
inline int KillOnceGrown(pid_t child, const std::string& path, uintmax_t goal,
                         std::mt19937& random) {
  int status = 0;
  for (int64_t spin = random() % 2000; SizeOf(path) < goal || spin > 0; --spin) {
    if (waitpid(child, &status, WNOHANG) == child) return status;
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return status;
}

// A machine that loses power may leave a part of a line: takes some bytes from the file's end.
inline void LosePartOfLastLine(const std::string& path, std::mt19937& random) {
  const uintmax_t size = SizeOf(path);
  if (size > 20) std::filesystem::resize_file(path, size - 1 - random() % 19);
}

}  // namespace strata
