#include "audit/internal/clang_api.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "base/error.hpp"
#include "system/executables.hpp"

namespace leakline::audit {

namespace {

constexpr int kOldest = 14, kNewest = 21;
constexpr const char* kHint = "apt-get install libclang-14-dev, or set LEAKLINE_LIBCLANG to a libclang.so of version 14 or later";

std::vector<std::string> library_names() {
    if (const std::string_view given = environment_variable("LEAKLINE_LIBCLANG"); !given.empty()) return {std::string(given)};
    std::vector<std::string> names;
    for (int version = kNewest; version >= kOldest; --version) {
        names.push_back(fmt::format("libclang-{}.so.1", version));
        names.push_back(fmt::format("/usr/lib/llvm-{}/lib/libclang.so.1", version));
    }
    names.emplace_back("libclang.so.1");
    return names;
}

// <prefix>/lib/clang/<version> with the headers that belong to the library.
std::string resource_directory(void* symbol) {
    Dl_info info{};
    if (::dladdr(symbol, &info) == 0 || info.dli_fname == nullptr) return {};
    std::error_code error;
    const std::filesystem::path library = std::filesystem::canonical(info.dli_fname, error);
    if (error) return {};
    std::vector<std::filesystem::path> parents = {library.parent_path() / "clang", "/usr/lib/clang"};
    for (int version = kNewest; version >= kOldest; --version)
        if (library.filename().string().find(fmt::format("-{}", version)) != std::string::npos)
            parents.insert(parents.begin(), fmt::format("/usr/lib/llvm-{}/lib/clang", version));
    for (const auto& parent : parents)
        for (const auto& entry : std::filesystem::directory_iterator(parent, error))
            if (std::filesystem::exists(entry.path() / "include" / "stddef.h", error)) return entry.path().string();
    return {};
}

std::unique_ptr<ClangApi> load() {
    const std::vector<std::string> names = library_names();
    void* library = nullptr;
    std::string name, reason;
    for (const std::string& candidate : names) {
        library = ::dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (library != nullptr) {
            name = candidate;
            break;
        }
        if (const char* why = ::dlerror(); names.size() == 1 && why != nullptr) reason = fmt::format(": {}", why);
    }
    if (library == nullptr)
        throw Error(ErrorKind::input, "libclang", "C and C++ are read with libclang, and it cannot be loaded" + reason, kHint);
    auto api = std::make_unique<ClangApi>();
    const auto resolve = [&](const char* symbol) {
        void* found = ::dlsym(library, symbol);
        if (found == nullptr) throw Error(ErrorKind::input, name, fmt::format("this libclang has no function {}", symbol), kHint);
        return found;
    };
#define LEAKLINE_CLANG_RESOLVE(function) api->function = reinterpret_cast<decltype(api->function)>(resolve("clang_" #function));
    LEAKLINE_CLANG_FUNCTIONS(LEAKLINE_CLANG_RESOLVE)
#undef LEAKLINE_CLANG_RESOLVE
    api->library = name;
    api->resource_directory = resource_directory(reinterpret_cast<void*>(api->createIndex));
    return api;
}

}  // namespace

const ClangApi& clang_api() {
    static const std::unique_ptr<ClangApi> api = load();
    return *api;
}

std::string take_text(const ClangApi& clang, CXString string) {
    const char* characters = clang.getCString(string);
    std::string copy = characters == nullptr ? "" : characters;
    clang.disposeString(string);
    return copy;
}

}  // namespace leakline::audit
