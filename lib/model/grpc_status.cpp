#include "model/grpc_status.hpp"

#include <array>
#include <string_view>

namespace leakline {

namespace {

struct GrpcStatus {
    std::string_view name;
    int http = 500;
};

// By code (grpc/statuscodes.md of the gRPC project).
constexpr std::array<GrpcStatus, 17> kGrpcStatuses = {{{"OK", 200},
                                                       {"CANCELLED", 499},
                                                       {"UNKNOWN", 500},
                                                       {"INVALID_ARGUMENT", 400},
                                                       {"DEADLINE_EXCEEDED", 504},
                                                       {"NOT_FOUND", 404},
                                                       {"ALREADY_EXISTS", 409},
                                                       {"PERMISSION_DENIED", 403},
                                                       {"RESOURCE_EXHAUSTED", 429},
                                                       {"FAILED_PRECONDITION", 400},
                                                       {"ABORTED", 409},
                                                       {"OUT_OF_RANGE", 400},
                                                       {"UNIMPLEMENTED", 501},
                                                       {"INTERNAL", 500},
                                                       {"UNAVAILABLE", 503},
                                                       {"DATA_LOSS", 500},
                                                       {"UNAUTHENTICATED", 401}}};

bool is_defined(int code) { return code >= 0 && static_cast<std::size_t>(code) < kGrpcStatuses.size(); }

}  // namespace

std::string grpc_status_name(int code) {
    if (is_defined(code)) return std::string(kGrpcStatuses[static_cast<std::size_t>(code)].name);
    return code == -1 ? "no status" : "status " + std::to_string(code);
}

int http_status_of_grpc(int code) { return is_defined(code) ? kGrpcStatuses[static_cast<std::size_t>(code)].http : 500; }

}  // namespace leakline
