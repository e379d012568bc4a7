// What configure would find on this machine.
#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <set>
#include <string_view>

#include "audit/internal/stand_ins.hpp"
#include "base/ascii.hpp"
#include "base/strings.hpp"

namespace leakline::audit {

namespace {

bool has_header(const std::string& name) {
    std::error_code error;
    for (const char* folder : {"/usr/include/", "/usr/include/x86_64-linux-gnu/", "/usr/include/aarch64-linux-gnu/"})
        if (std::filesystem::exists(folder + name, error)) return true;
    return false;
}

// "sys_epoll_h": "sys/epoll.h" or "sys_epoll.h".
bool has_header_of(std::string word) {
    word.replace(word.size() - 2, 2, ".h");
    if (has_header(word)) return true;
    for (std::size_t at = word.find('_'); at != word.npos; at = word.find('_', at + 1)) {
        std::string path = word;
        path[at] = '/';
        if (has_header(path)) return true;
    }
    return false;
}

bool is_there(const std::string& word) {
    // The compiler's own headers are not with the system's.
    static const std::set<std::string_view> of_the_compiler = {"stdarg_h", "stddef_h", "stdbool_h", "float_h"};
    static const std::set<std::string_view> types = {"socklen_t", "ssize_t",  "size_t",   "pid_t",   "off_t",   "mode_t",
                                                     "uint8_t",   "uint16_t", "uint32_t", "int64_t", "uint64_t"};
    if (of_the_compiler.contains(word) || types.contains(word)) return true;
    if (word.size() > 2 && word.ends_with("_h")) return has_header_of(word);
    if (word.starts_with("decl_")) return is_there(word.substr(5));
    return ::dlsym(RTLD_DEFAULT, word.c_str()) != nullptr || has_header("sys/" + word + ".h");
}

void add_names(std::string_view line, std::set<std::string>& names) {
    for (std::size_t at = 0; at < line.size();) {
        std::size_t end = at;
        while (end < line.size() && is_word_part(line[end])) ++end;
        if (end > at) names.emplace(line.substr(at, end - at));
        at = end + 1;
    }
}

}  // namespace

std::string guessed_config(const std::vector<std::string>& texts) {
    std::set<std::string> names;
    for (const std::string& text : texts)
        for (std::string_view line : split(text, '\n')) {
            line = trim(line);
            if (!line.starts_with('#')) continue;
            const std::string_view directive = trim(line.substr(1));
            if (directive.starts_with("if") || directive.starts_with("elif")) add_names(directive, names);
        }
    static const std::map<std::string_view, std::size_t> sizes = {{"CHAR", 1},
                                                                  {"SHORT", sizeof(short)},
                                                                  {"INT", sizeof(int)},
                                                                  {"LONG", sizeof(long)},
                                                                  {"LONG_LONG", sizeof(long long)},
                                                                  {"VOID_P", sizeof(void*)},
                                                                  {"SIZE_T", sizeof(std::size_t)},
                                                                  {"OFF_T", 8},
                                                                  {"TIME_T", 8},
                                                                  {"INTPTR_T", sizeof(void*)}};
    std::string config;
    constexpr std::string_view kHave = "HAVE_", kSize = "SIZEOF_";
    for (const std::string& name : names) {
        const std::size_t have = name.find(kHave);
        if (have != name.npos && (have == 0 || name[have - 1] == '_')) {
            const std::string word = to_lower(name.substr(have + kHave.size()));
            if (!word.empty() && is_there(word)) config += fmt::format("#ifndef {0}\n#define {0} 1\n#endif\n", name);
        } else if (name.starts_with(kSize)) {
            if (const auto size = sizes.find(std::string_view(name).substr(kSize.size())); size != sizes.end())
                config += fmt::format("#ifndef {0}\n#define {0} {1}\n#endif\n", name, size->second);
        } else if (name == "STDC_HEADERS" || name == "TIME_WITH_SYS_TIME" || name == "PROTOTYPES") {
            config += fmt::format("#ifndef {0}\n#define {0} 1\n#endif\n", name);
        }
    }
    return config;
}

}  // namespace leakline::audit
