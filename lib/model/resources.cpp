#include "model/resources.hpp"

namespace leakline {

std::string_view resource_name(Resource resource) {
    switch (resource) {
        case Resource::descriptors: return "descriptors";
        case Resource::threads: return "threads";
        case Resource::mappings: return "mappings";
        case Resource::processes: return "processes";
        case Resource::ipc_objects: return "ipc_objects";
    }
    return "descriptors";
}

std::string_view resource_words(Resource resource) {
    switch (resource) {
        case Resource::descriptors: return "file descriptors";
        case Resource::threads: return "threads";
        case Resource::mappings: return "memory mappings";
        case Resource::processes: return "processes";
        case Resource::ipc_objects: return "IPC objects";
    }
    return "file descriptors";
}

}  // namespace leakline
