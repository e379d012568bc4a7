#include "model/request.hpp"

namespace leakline {

std::string_view failure_name(Failure failure) {
    switch (failure) {
        case Failure::connect: return "connect";
        case Failure::write: return "write";
        case Failure::reset: return "reset";
        case Failure::eof: return "eof";
        case Failure::timeout: return "timeout";
        case Failure::malformed: return "malformed";
        case Failure::aborted: return "aborted";
    }
    return "aborted";
}

std::string_view failure_text(Failure failure) {
    switch (failure) {
        case Failure::connect: return "connection failed";
        case Failure::write: return "send failed";
        case Failure::reset: return "connection reset";
        case Failure::eof: return "incomplete response";
        case Failure::timeout: return "timeout";
        case Failure::malformed: return "malformed response";
        case Failure::aborted: return "aborted";
    }
    return "aborted";
}

std::string_view status_hint(int status) {
    switch (status) {
        case 401:
        case 407:
            return "--header 'Authorization: Bearer TOKEN' sets credentials; --extract and --substitute send those that the service issues";
        case 403: return "--header 'Authorization: Bearer TOKEN' sets credentials, and --host or --keep-host the Host header";
        case 404:
        case 405:
        case 410: return "--rewrite-path '^/old=>/new' changes paths, if --target is the right service";
        case 421: return "--host or --keep-host sets the Host header";
        case 429: return "the service limits the rate of requests: --pace 50/s sends fewer";
        case 502:
        case 503:
        case 504: return "the service, or a proxy in front of it, is overloaded: --pace 50/s and --connections 2 send less";
        default: return "";
    }
}

}  // namespace leakline
