#include "engine/cli/data_command.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "engine/cli/exit_code.h"
#include "engine/evaluate/endpoint/download.h"
#include "kernels/base/file.h"
#include "kernels/base/status.h"
#include "offload/checkpoint/model_locator.h"

namespace strata {
namespace {

namespace filesystem = std::filesystem;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string CacheDirectory() {
  if (const std::string cache = Environment("XDG_CACHE_HOME"); !cache.empty()) {
    return cache + "/strata/data";
  }
  const std::string home = Environment("HOME");
  return home.empty() ? "" : home + "/.cache/strata/data";
}

// models/demo/data of the checkout that the program was built in; empty where there is none.
std::string DemoDirectory() {
  std::error_code error;
  const filesystem::path program = filesystem::read_symlink("/proc/self/exe", error);
  for (filesystem::path place = program.parent_path(); place != place.parent_path();
       place = place.parent_path()) {
    const filesystem::path demo = place / "models/demo/data";
    if (filesystem::is_directory(demo, error)) return demo.string();
  }
  return "";
}

absl::Status FetchAll(const DataOptions& options, std::ostream& out) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<DataSetFile> files, DataSetFiles(options.task));
  const std::string directory = options.output.empty() ? CacheDirectory() : options.output;
  if (directory.empty()) {
    return absl::InvalidArgumentError("neither HOME nor XDG_CACHE_HOME is set: name --output");
  }
  std::error_code error;
  filesystem::create_directories(directory, error);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot make the directory '", directory, "': ", error.message()));
  }
  for (const DataSetFile& file : files) {
    STRATA_ASSIGN_OR_RETURN(const std::string sentence, FetchDataSetFile(file, directory));
    out << sentence << std::endl;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> FetchDataSetFile(const DataSetFile& file,
                                             const std::string& directory) {
  const std::string path = (filesystem::path(directory) / file.name).string();
  const absl::StatusOr<std::string> present = ReadFile(path);
  if (present.ok() && CheckDataSetFile(file, *present).ok()) {
    return absl::StrCat(path, ": there already, ", file.size_bytes, " bytes, SHA-256 as expected");
  }
  STRATA_ASSIGN_OR_RETURN(const std::string bytes, Download(file.url, 16 * file.size_bytes));
  const absl::Status checked = CheckDataSetFile(file, bytes);
  if (!checked.ok()) return WithContext(checked, absl::StrCat("'", file.url, "' is not kept"));
  STRATA_RETURN_IF_ERROR(WriteFileAtomically(path, bytes));
  return absl::StrCat(path, ": ", file.size_bytes, " bytes, SHA-256 as expected");
}

DataSetPlaces PlacesFromEnvironment() {
  return {.downloads = CacheDirectory(),
          .hub_cache = HubCacheOptions::FromEnvironment([](const char* name) -> const char* {
                         return std::getenv(name);
                       }).directory,
          .demo_directory = DemoDirectory()};
}

int RunData(const DataOptions& options, std::ostream& out, std::ostream& err) {
  const absl::Status status = FetchAll(options, out);
  if (status.ok()) return kExitDone;
  err << "strata data: " << status.message() << std::endl;
  return absl::IsUnavailable(status) || absl::IsDataLoss(status) ? kExitFailed : ExitCodeOf(status);
}

void RegisterData(CLI::App& app, int& exit_code) {
  CLI::App* verb = app.add_subcommand("data", "Download a data set from its publisher");
  const auto options = std::make_shared<DataOptions>();
  verb->add_option("task", options->task, "gsm8k or mbpp")->required();
  verb->add_option("--output", options->output,
                   "Directory (default: ~/.cache/strata/data, where eval looks)");
  verb->callback([options, &exit_code] { exit_code = RunData(*options, std::cout, std::cerr); });
}

}  // namespace strata
