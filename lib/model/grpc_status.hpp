// Status codes of gRPC, which its responses carry in their trailers. Pure functions, safe from any thread.
#pragma once

#include <string>

namespace leakline {

// "OK", "NOT_FOUND"; "status 42" for a code that gRPC does not define, "no status" for -1.
std::string grpc_status_name(int code);
// The HTTP status of the same meaning, as Google's APIs map them (google/rpc/code.proto): 200 for OK, 404 for NOT_FOUND. That of UNKNOWN, 500,
// where the code is not defined or missing.
int http_status_of_grpc(int code);

}  // namespace leakline
