#include "model/internal/soak.hpp"

namespace leakline {

std::string_view soak_end_name(SoakRun::End end) {
    switch (end) {
        case SoakRun::End::whole: return "whole";
        case SoakRun::End::decided: return "decided";
        case SoakRun::End::limit: return "limit";
        case SoakRun::End::killed: return "killed";
        case SoakRun::End::memory: return "memory";
        case SoakRun::End::time: return "time";
        case SoakRun::End::exhausted: return "exhausted";
        case SoakRun::End::stopped: return "stopped";
    }
    return "stopped";
}

std::string_view soak_growth_name(Soak::Growth growth) {
    switch (growth) {
        case Soak::Growth::none: return "none";
        case Soak::Growth::with_requests: return "with requests";
        case Soak::Growth::with_time: return "with time";
        case Soak::Growth::unclear: return "unclear";
    }
    return "unclear";
}

}  // namespace leakline
