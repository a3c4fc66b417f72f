#include "offload/checkpoint/model_locator.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "kernels/base/file.h"
#include "kernels/base/status.h"
#include "offload/checkpoint/quoted_name.h"

namespace strata {
namespace {

constexpr absl::string_view kDefaultRevision = "main";
constexpr int64_t kMaxRefBytes = 1 << 12;

bool IsDirectory(const std::string& path) {
  std::error_code ignored;  // what cannot be looked at is not there for us
  return std::filesystem::is_directory(path, ignored);
}

bool IsFile(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

bool IsNameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
}

// One component of an id or a revision: nothing that could lead out of the cache, or that a shell
// would read as more than a word.
bool IsPlainName(absl::string_view name) {
  return !name.empty() && name.front() != '.' && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), IsNameCharacter);
}

struct HubId {
  std::string repository;  // "org/name"; "name" for the hub's oldest models
  std::string revision;    // a branch, a tag, or a commit hash
};

absl::StatusOr<HubId> ParseHubId(absl::string_view argument) {
  const size_t at = argument.find('@');
  const absl::string_view repository = argument.substr(0, at);
  const absl::string_view revision =
      at == absl::string_view::npos ? kDefaultRevision : argument.substr(at + 1);
  const std::vector<absl::string_view> parts = absl::StrSplit(repository, '/');
  const bool is_id = parts.size() <= 2 && std::all_of(parts.begin(), parts.end(), IsPlainName) &&
                     !absl::StrContains(repository, "--");
  if (!is_id) {
    return absl::NotFoundError(
        absl::StrCat("model ", QuotedName(argument),
                     ": no such file or directory, and not a Hugging Face id 'org/name'"));
  }
  const std::vector<absl::string_view> steps =
      absl::StrSplit(revision, '/');  // refs/pr/1 has three
  if (!std::all_of(steps.begin(), steps.end(), IsPlainName)) {
    return absl::InvalidArgumentError(absl::StrCat("model ", QuotedName(argument), ": ",
                                                   QuotedName(revision), " is no revision"));
  }
  return HubId{std::string(repository), std::string(revision)};
}

std::string DownloadCommand(const HubId& id) {
  const std::string revision =
      id.revision == kDefaultRevision ? "" : absl::StrCat(" --revision ", id.revision);
  return absl::StrCat("huggingface-cli download ", id.repository, revision);
}

absl::StatusOr<ModelFiles> FilesOfDirectory(const std::string& directory) {
  const std::string config_path = absl::StrCat(directory, "/config.json");
  if (!IsFile(config_path)) {
    return absl::NotFoundError(
        absl::StrCat("model directory '", directory, "' has no config.json"));
  }
  return ModelFiles{directory, config_path};
}

// The snapshot name that refs/<revision> holds, or the revision itself where there is no such ref
// (a commit hash).
absl::StatusOr<std::string> ResolveRevision(const std::string& repository_directory,
                                            const std::string& revision) {
  const std::string ref_path = absl::StrCat(repository_directory, "/refs/", revision);
  if (!IsFile(ref_path)) return revision;
  STRATA_ASSIGN_OR_RETURN(const std::string contents, ReadFile(ref_path, kMaxRefBytes));
  const absl::string_view hash = absl::StripAsciiWhitespace(contents);
  if (!IsPlainName(hash)) {
    return absl::DataLossError(
        absl::StrCat("'", ref_path, "': expected a commit hash, got ", QuotedName(hash)));
  }
  return std::string(hash);
}

absl::StatusOr<ModelFiles> LocateInCache(const HubId& id, const HubCacheOptions& options) {
  if (options.directory.empty()) {
    return absl::NotFoundError(
        absl::StrCat("model '", id.repository,
                     "': no such directory, and no Hugging Face cache to look in: none of "
                     "HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, HOME is set"));
  }
  const std::string repository_directory = absl::StrCat(
      options.directory, "/models--", absl::StrReplaceAll(id.repository, {{"/", "--"}}));
  STRATA_ASSIGN_OR_RETURN(const std::string snapshot,
                          ResolveRevision(repository_directory, id.revision));
  const std::string directory = absl::StrCat(repository_directory, "/snapshots/", snapshot);
  if (!IsDirectory(directory)) {
    return absl::NotFoundError(absl::StrCat("model '", id.repository, "' (revision ", id.revision,
                                            "): no such directory, and not in the Hugging Face ",
                                            "cache: looked for '", directory,
                                            "'. To download it: ", DownloadCommand(id)));
  }
  absl::StatusOr<ModelFiles> files = FilesOfDirectory(directory);
  if (files.ok()) return files;
  return absl::NotFoundError(
      absl::StrCat(files.status().message(),
                   "; the download is incomplete. To complete it: ", DownloadCommand(id)));
}

}  // namespace

HubCacheOptions HubCacheOptions::FromEnvironment(
    absl::FunctionRef<const char*(const char* name)> get_environment) {
  const auto get = [&](const char* name) -> std::string {
    const char* value = get_environment(name);
    return value == nullptr ? "" : value;
  };
  const std::string home = get("HOME");
  const auto expanded = [&](const std::string& path) {
    return path == "~" || absl::StartsWith(path, "~/") ? absl::StrCat(home, path.substr(1)) : path;
  };
  if (const std::string cache = get("HF_HUB_CACHE"); !cache.empty()) return {expanded(cache)};
  if (const std::string hugging_face = get("HF_HOME"); !hugging_face.empty()) {
    return {absl::StrCat(expanded(hugging_face), "/hub")};
  }
  if (const std::string cache = get("XDG_CACHE_HOME"); !cache.empty()) {
    return {absl::StrCat(expanded(cache), "/huggingface/hub")};
  }
  if (!home.empty()) return {absl::StrCat(home, "/.cache/huggingface/hub")};
  return {};
}

absl::StatusOr<ModelFiles> LocateModel(absl::string_view model_argument,
                                       const HubCacheOptions& options) {
  const std::string path(model_argument);
  if (path.empty() || absl::StrContains(path, '\0')) {
    return absl::InvalidArgumentError("--model is empty or no path");
  }
  if (IsDirectory(path)) return FilesOfDirectory(path);
  if (absl::EndsWithIgnoreCase(path, ".gguf")) {
    return absl::UnimplementedError(
        absl::StrCat("model ", QuotedName(path),
                     ": GGUF files are not supported yet; name a directory with config.json and "
                     "*.safetensors, or a Hugging Face id"));
  }
  if (IsFile(path)) {
    if (absl::EndsWith(path, ".json")) return ModelFiles{"", path};
    return absl::InvalidArgumentError(
        absl::StrCat("model ", QuotedName(path),
                     " is a file; expected a directory with config.json and *.safetensors, or a "
                     "config file *.json"));
  }
  STRATA_ASSIGN_OR_RETURN(const HubId id, ParseHubId(model_argument));
  return LocateInCache(id, options);
}

}  // namespace strata
