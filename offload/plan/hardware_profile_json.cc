#include "offload/plan/hardware_profile_json.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/json.h"
#include "kernels/base/status.h"
#include "offload/plan/json_fields.h"

namespace strata {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

ordered_json DeviceJson(const DeviceRates& device) {
  ordered_json mat_mul = ordered_json::array();
  for (const MatMulRate& rate : device.mat_mul) {
    mat_mul.push_back({{"weight_format", DTypeName(rate.weight_dtype)},
                       {"num_rows", rate.num_rows},
                       {"flops_per_s", rate.flops_per_s}});
  }
  return {{"name", device.name},
          {"memory_bytes_per_s", device.memory_bytes_per_s},
          {"mat_mul", mat_mul},
          {"attention_bytes_per_s", device.attention_bytes_per_s},
          {"attention_flops_per_s", device.attention_flops_per_s},
          {"seconds_per_stage", device.seconds_per_stage}};
}

ordered_json LinkJson(const LinkRate& link) {
  return {{"bytes_per_s", link.bytes_per_s}, {"latency_s", link.latency_s}};
}

absl::StatusOr<MatMulRate> ReadMatMulRate(const json& value, const std::string& place) {
  STRATA_ASSIGN_OR_RETURN(JsonFields fields, JsonFields::Create(value, place));
  MatMulRate rate;
  STRATA_ASSIGN_OR_RETURN(const std::string format, fields.String("weight_format"));
  const absl::StatusOr<DType> dtype = DTypeFromName(format);
  if (!dtype.ok()) return fields.Fault("weight_format", dtype.status().message());
  rate.weight_dtype = *dtype;
  STRATA_ASSIGN_OR_RETURN(rate.num_rows, fields.Int("num_rows", 1, int64_t{1} << 40));
  STRATA_ASSIGN_OR_RETURN(rate.flops_per_s, fields.Positive("flops_per_s"));
  STRATA_RETURN_IF_ERROR(fields.CheckAllRead());
  return rate;
}

absl::StatusOr<DeviceRates> ReadDevice(JsonFields fields) {
  DeviceRates device;
  STRATA_ASSIGN_OR_RETURN(device.name, fields.String("name"));
  STRATA_ASSIGN_OR_RETURN(device.memory_bytes_per_s, fields.Positive("memory_bytes_per_s"));
  STRATA_ASSIGN_OR_RETURN(const json* rates, fields.Array("mat_mul"));
  if (rates->empty()) return fields.Fault("mat_mul", "is empty");
  for (size_t i = 0; i < rates->size(); ++i) {
    const std::string place = absl::StrCat(fields.PlaceOf("mat_mul"), "[", i, "]");
    STRATA_ASSIGN_OR_RETURN(const MatMulRate rate, ReadMatMulRate((*rates)[i], place));
    for (const MatMulRate& earlier : device.mat_mul) {
      if (earlier.weight_dtype == rate.weight_dtype && earlier.num_rows >= rate.num_rows) {
        return absl::InvalidArgumentError(
            absl::StrCat(place, ": the rows of one format must rise: ", rate.num_rows, " after ",
                         earlier.num_rows));
      }
    }
    device.mat_mul.push_back(rate);
  }
  STRATA_ASSIGN_OR_RETURN(device.attention_bytes_per_s, fields.Positive("attention_bytes_per_s"));
  STRATA_ASSIGN_OR_RETURN(device.attention_flops_per_s, fields.Positive("attention_flops_per_s"));
  STRATA_ASSIGN_OR_RETURN(device.seconds_per_stage,
                          fields.Number("seconds_per_stage", 0, kInfinity));
  STRATA_RETURN_IF_ERROR(fields.CheckAllRead());
  return device;
}

absl::StatusOr<LinkRate> ReadLink(JsonFields& parent, const std::string& key) {
  STRATA_ASSIGN_OR_RETURN(JsonFields fields, parent.Object(key));
  LinkRate link;
  STRATA_ASSIGN_OR_RETURN(link.bytes_per_s, fields.Number("bytes_per_s", 0, kInfinity));
  STRATA_ASSIGN_OR_RETURN(link.latency_s, fields.Number("latency_s", 0, kInfinity));
  STRATA_RETURN_IF_ERROR(fields.CheckAllRead());
  return link;
}

}  // namespace

std::string ToJson(const HardwareProfile& profile) {
  ordered_json value = {{"cpu", DeviceJson(profile.cpu)}};
  if (profile.gpu.has_value()) value["gpu"] = DeviceJson(*profile.gpu);
  value["host_to_device"] = LinkJson(profile.host_to_device);
  value["device_to_host"] = LinkJson(profile.device_to_host);
  value["disk_read"] = LinkJson(profile.disk_read);
  value["disk_write"] = LinkJson(profile.disk_write);
  value["cpu_share_beside_disk"] = profile.cpu_share_beside_disk;
  value["disk_share_beside_cpu"] = profile.disk_share_beside_cpu;
  value["measured_at"] = profile.measured_at;
  // Names of processors may hold anything; bytes that are no UTF-8 are replaced, not thrown at.
  return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

absl::StatusOr<HardwareProfile> HardwareProfileFromJson(absl::string_view text,
                                                        const std::string& source_name) {
  STRATA_ASSIGN_OR_RETURN(const json document, ParseJson(text, source_name));
  STRATA_ASSIGN_OR_RETURN(JsonFields fields, JsonFields::Create(document, source_name));
  HardwareProfile profile;
  STRATA_ASSIGN_OR_RETURN(JsonFields cpu, fields.Object("cpu"));
  STRATA_ASSIGN_OR_RETURN(profile.cpu, ReadDevice(std::move(cpu)));
  if (fields.Has("gpu")) {
    STRATA_ASSIGN_OR_RETURN(JsonFields gpu, fields.Object("gpu"));
    STRATA_ASSIGN_OR_RETURN(profile.gpu, ReadDevice(std::move(gpu)));
  }
  STRATA_ASSIGN_OR_RETURN(profile.host_to_device, ReadLink(fields, "host_to_device"));
  STRATA_ASSIGN_OR_RETURN(profile.device_to_host, ReadLink(fields, "device_to_host"));
  STRATA_ASSIGN_OR_RETURN(profile.disk_read, ReadLink(fields, "disk_read"));
  STRATA_ASSIGN_OR_RETURN(profile.disk_write, ReadLink(fields, "disk_write"));
  STRATA_ASSIGN_OR_RETURN(profile.cpu_share_beside_disk,
                          fields.Number("cpu_share_beside_disk", 0.01, 1));
  STRATA_ASSIGN_OR_RETURN(profile.disk_share_beside_cpu,
                          fields.Number("disk_share_beside_cpu", 0.01, 1));
  STRATA_ASSIGN_OR_RETURN(profile.measured_at, fields.String("measured_at"));
  STRATA_RETURN_IF_ERROR(fields.CheckAllRead());
  if (profile.gpu.has_value() &&
      !(profile.host_to_device.bytes_per_s > 0 && profile.device_to_host.bytes_per_s > 0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        source_name, ": with a gpu, host_to_device and device_to_host need a rate above 0"));
  }
  return profile;
}

}  // namespace strata
