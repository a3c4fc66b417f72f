// openai_server.py in a process of its own, for tests that ask a server.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"

namespace strata {

class OpenAiServer {
 public:
  // Starts it on a port of the loopback device; port() is 0 where there is no python3.
  OpenAiServer() {
    int pipes[2];
    if (system("python3 -c pass > /dev/null 2>&1") != 0 || pipe(pipes) != 0) return;
    process_ = fork();
    if (process_ == 0) {
      dup2(pipes[1], STDOUT_FILENO);
      close(pipes[0]);
      execlp("python3", "python3", "-B",
             STRATA_SOURCE_DIR "/tests/engine/evaluate/endpoint/openai_server.py", nullptr);
      _exit(97);
    }
    close(pipes[1]);
    FILE* port_line = fdopen(pipes[0], "r");
    if (fscanf(port_line, "%d", &port_) != 1) port_ = 0;
    fclose(port_line);
  }
  OpenAiServer(const OpenAiServer&) = delete;
  OpenAiServer& operator=(const OpenAiServer&) = delete;
  ~OpenAiServer() {
    if (process_ <= 0) return;
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }

  int port() const { return port_; }
  std::string address() const { return absl::StrCat("http://127.0.0.1:", port_); }

 private:
  pid_t process_ = -1;
  int port_ = 0;
};

}  // namespace strata
