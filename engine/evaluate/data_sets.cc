#include "engine/evaluate/data_sets.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/evaluate/sha256.h"
#include "kernels/base/file.h"
#include "kernels/base/status.h"

namespace strata {
namespace {

namespace filesystem = std::filesystem;

constexpr char kGsm8kOrigin[] =
    "https://raw.githubusercontent.com/openai/grade-school-math/master/grade_school_math/data/";
constexpr char kMbppOrigin[] =
    "https://raw.githubusercontent.com/google-research/google-research/master/mbpp/";

bool IsFile(const filesystem::path& path) {
  std::error_code error;
  return filesystem::is_regular_file(path, error);
}

// The first of `names` that lies in `directory`.
std::string FirstIn(const std::string& directory, const std::vector<std::string>& names) {
  if (directory.empty()) return "";
  for (const std::string& name : names) {
    const filesystem::path path = filesystem::path(directory) / name;
    if (IsFile(path)) return path.string();
  }
  return "";
}

// The test rows among a data set's Parquet files, one file a split: test-00000-of-00001.parquet.
std::string ParquetIn(const filesystem::path& directory) {
  std::string found;
  std::error_code error;
  for (const auto& entry : filesystem::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (!absl::StartsWith(name, "test-") || !absl::EndsWith(name, "-of-00001.parquet")) continue;
    if (IsFile(entry.path()) && (found.empty() || entry.path().string() < found)) {
      found = entry.path().string();
    }
  }
  return found;
}

// The task on Hugging Face's hub: its repositories, and the folder of the form that is asked.
struct HubDataSet {
  std::vector<std::string> directories;  // of the cache
  std::string config;
};

HubDataSet HubDataSetOf(absl::string_view task) {
  if (task == "gsm8k") return {{"datasets--openai--gsm8k", "datasets--gsm8k"}, "main"};
  return {{"datasets--google-research-datasets--mbpp", "datasets--mbpp"}, "full"};
}

// The Parquet test rows of the task: of the snapshot that `main` names, else of any.
std::string ParquetInHubCache(const std::string& cache, absl::string_view task) {
  if (cache.empty()) return "";
  const HubDataSet data_set = HubDataSetOf(task);
  for (const std::string& directory : data_set.directories) {
    const filesystem::path repository = filesystem::path(cache) / directory;
    std::vector<std::string> revisions;
    std::error_code error;
    for (const auto& entry : filesystem::directory_iterator(repository / "snapshots", error)) {
      revisions.push_back(entry.path().filename().string());
    }
    std::sort(revisions.begin(), revisions.end());
    const absl::StatusOr<std::string> main = ReadFile((repository / "refs/main").string());
    if (main.ok()) {
      std::stable_partition(revisions.begin(), revisions.end(), [&](const std::string& revision) {
        return revision == absl::StripAsciiWhitespace(*main);
      });
    }
    for (const std::string& revision : revisions) {
      const std::string found = ParquetIn(repository / "snapshots" / revision / data_set.config);
      if (!found.empty()) return found;
    }
  }
  return "";
}

// A file of one of these names anywhere in a snapshot of a data set of the hub's cache.
std::string InHubCache(const std::string& cache, absl::string_view task,
                       const std::vector<std::string>& names) {
  std::vector<std::string> found;
  std::error_code error;
  if (cache.empty()) return "";
  for (const auto& entry : filesystem::directory_iterator(cache, error)) {
    const std::string name = entry.path().filename().string();
    if (!absl::StartsWith(name, "datasets--") || !absl::StrContains(name, task)) continue;
    const filesystem::path snapshots = entry.path() / "snapshots";
    std::error_code walk_error;
    for (filesystem::recursive_directory_iterator it(snapshots, walk_error), end;
         !walk_error && it != end; it.increment(walk_error)) {
      const std::string file = it->path().filename().string();
      if (std::find(names.begin(), names.end(), file) != names.end() && IsFile(it->path())) {
        found.push_back(it->path().string());
      }
    }
  }
  return found.empty() ? "" : *std::min_element(found.begin(), found.end());
}

}  // namespace

absl::StatusOr<std::vector<DataSetFile>> DataSetFiles(absl::string_view task) {
  if (task == "gsm8k") {
    return std::vector<DataSetFile>{
        {"gsm8k_test.jsonl", absl::StrCat(kGsm8kOrigin, "test.jsonl"),
         "3730d312f6e3440559ace48831e51066acaca737f6eabec99bccb9e4b3c39d14", 749738},
        {"gsm8k_train.jsonl", absl::StrCat(kGsm8kOrigin, "train.jsonl"),
         "17f347dc51477c50d4efb83959dbb7c56297aba886e5544ee2aaed3024813465", 4166206}};
  }
  if (task == "mbpp") {
    return std::vector<DataSetFile>{
        {"mbpp.jsonl", absl::StrCat(kMbppOrigin, "mbpp.jsonl"),
         "ccf64ceae9c5403bf50a044cb6d505bfd2a2963ee58338ba268fd65beab92a9f", 563743},
        {"sanitized-mbpp.json", absl::StrCat(kMbppOrigin, "sanitized-mbpp.json"),
         "ca95deaa9a01ef0a6f439f88bcf0dd3db3563d22f22aad6cae04ebb9a8d8c8e9", 255053}};
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown task '", task, "': expected gsm8k or mbpp"));
}

absl::StatusOr<FoundDataSet> FindDataSet(absl::string_view task, const DataSetPlaces& places) {
  STRATA_RETURN_IF_ERROR(DataSetFiles(task).status());
  const bool is_gsm8k = task == "gsm8k";
  const std::vector<std::string> names =
      is_gsm8k ? std::vector<std::string>{"gsm8k_test.jsonl", "test.jsonl"}
               : std::vector<std::string>{"mbpp.jsonl"};
  const std::string command = absl::StrCat("; `strata data ", task, "` downloads it");
  if (!places.given.empty()) {
    const std::string path = FirstIn(places.given, names);
    if (!path.empty()) return FoundDataSet{.path = path, .origin = places.given};
    const filesystem::path given = places.given;
    for (const filesystem::path& directory : {given, given / HubDataSetOf(task).config}) {
      const std::string parquet = ParquetIn(directory);
      if (!parquet.empty()) return FoundDataSet{.path = parquet, .origin = places.given};
    }
    return absl::NotFoundError(absl::StrCat("--data-dir '", places.given, "' has no ",
                                            absl::StrJoin(names, " or "), " and no test-*.parquet",
                                            command, " to --output"));
  }
  if (const std::string path = FirstIn(places.downloads, names); !path.empty()) {
    return FoundDataSet{.path = path, .origin = "downloaded"};
  }
  if (const std::string path = ParquetInHubCache(places.hub_cache, task); !path.empty()) {
    return FoundDataSet{.path = path, .origin = "the Hugging Face cache"};
  }
  if (const std::string path = InHubCache(places.hub_cache, task, names); !path.empty()) {
    return FoundDataSet{.path = path, .origin = "the Hugging Face cache"};
  }
  const std::string demo =
      FirstIn(places.demo_directory, {is_gsm8k ? "gsm_test.jsonl" : "mbpp.jsonl"});
  if (!demo.empty()) {
    return FoundDataSet{.path = demo,
                        .origin = absl::StrCat("the bundled demo problems, which are not ",
                                               is_gsm8k ? "GSM8K" : "MBPP", command),
                        .is_demo = true};
  }
  return absl::NotFoundError(absl::StrCat("no data for ", task, ": looked in '", places.downloads,
                                          "' and the Hugging Face cache '", places.hub_cache,
                                          "' for ", absl::StrJoin(names, " or "), " or Parquet",
                                          command, ", --data names a file"));
}

absl::Status CheckDataSetFile(const DataSetFile& file, absl::string_view bytes) {
  const std::string sum = Sha256Hex(bytes);
  if (sum == file.sha256) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("'", file.name, "': expected ", file.size_bytes,
                                          " bytes with SHA-256 ", file.sha256, ", got ",
                                          bytes.size(), " bytes with ", sum));
}

}  // namespace strata
