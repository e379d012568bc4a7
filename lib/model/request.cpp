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

}  // namespace leakline
