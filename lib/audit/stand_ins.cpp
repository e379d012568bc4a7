#include "audit/internal/stand_ins.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "system/byte_source.hpp"
#include "system/output_file.hpp"

namespace leakline::audit {

namespace fs = std::filesystem;

namespace {

constexpr int kMaxTries = 8, kMaxTriesOfCpp = 4;
constexpr std::size_t kMaxNames = 5'000;

bool is_word(std::string_view text) {
    return !text.empty() && !is_digit(text.front()) && std::all_of(text.begin(), text.end(), is_word_part);
}

// The first word in quotes behind a mark: "unknown type name 'json_t'; did you mean 'json'?" -> "json_t".
std::string quoted(std::string_view message, std::string_view mark) {
    const std::size_t at = message.find(mark);
    const std::size_t begin = at == message.npos ? at : message.find('\'', at);
    const std::size_t end = begin == message.npos ? begin : message.find('\'', begin + 1);
    return end == message.npos ? std::string() : std::string(message.substr(begin + 1, end - begin - 1));
}

bool is_constant_name(std::string_view name) { return std::none_of(name.begin(), name.end(), is_lower); }

// A text that the build gives: VERSION, SYSCONFDIR.
bool is_text_name(const std::string& name) {
    static constexpr std::array<std::string_view, 12> parts = {"VERSION", "PACKAGE", "DIR",      "PATH",   "_FILE",      "PREFIX",
                                                               "STRING",  "_NAME",   "REVISION", "VENDOR", "BUILD_DATE", "GIT_"};
    return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) { return name.find(part) != name.npos; });
}

// The header of the system that declares a type or value which code expects from a header of its own.
std::string header_of_standard(const std::string& name) {
    static const std::map<std::string_view, std::string_view> headers = {{"bool", "stdbool.h"},
                                                                         {"true", "stdbool.h"},
                                                                         {"false", "stdbool.h"},
                                                                         {"size_t", "stddef.h"},
                                                                         {"ptrdiff_t", "stddef.h"},
                                                                         {"FILE", "stdio.h"},
                                                                         {"va_list", "stdarg.h"},
                                                                         {"time_t", "time.h"},
                                                                         {"ssize_t", "sys/types.h"},
                                                                         {"off_t", "sys/types.h"},
                                                                         {"pid_t", "sys/types.h"},
                                                                         {"uid_t", "sys/types.h"},
                                                                         {"gid_t", "sys/types.h"},
                                                                         {"mode_t", "sys/types.h"},
                                                                         {"u_char", "sys/types.h"},
                                                                         {"u_int", "sys/types.h"},
                                                                         {"uint", "sys/types.h"},
                                                                         {"ulong", "sys/types.h"},
                                                                         {"socklen_t", "sys/socket.h"},
                                                                         {"in_addr_t", "netinet/in.h"},
                                                                         {"in_port_t", "netinet/in.h"},
                                                                         {"sa_family_t", "sys/socket.h"},
                                                                         {"sig_atomic_t", "signal.h"},
                                                                         {"sigset_t", "signal.h"},
                                                                         {"jmp_buf", "setjmp.h"},
                                                                         {"pthread_t", "pthread.h"},
                                                                         {"pthread_mutex_t", "pthread.h"},
                                                                         {"DIR", "dirent.h"},
                                                                         {"PATH_MAX", "limits.h"},
                                                                         {"INT_MAX", "limits.h"},
                                                                         {"UINT_MAX", "limits.h"},
                                                                         {"IOV_MAX", "limits.h"},
                                                                         {"LONG_MAX", "limits.h"},
                                                                         {"NULL", "stddef.h"},
                                                                         {"EOF", "stdio.h"},
                                                                         {"errno", "errno.h"},
                                                                         {"stderr", "stdio.h"},
                                                                         {"stdout", "stdio.h"},
                                                                         {"stdin", "stdio.h"},
                                                                         {"uintptr_t", "stdint.h"},
                                                                         {"intptr_t", "stdint.h"},
                                                                         {"u_int8_t", "sys/types.h"},
                                                                         {"u_int16_t", "sys/types.h"},
                                                                         {"u_int32_t", "sys/types.h"}};
    if (const auto known = headers.find(name); known != headers.end()) return std::string(known->second);
    static const std::set<std::string_view> integers = {"int8_t",  "int16_t",  "int32_t",  "int64_t",
                                                        "uint8_t", "uint16_t", "uint32_t", "uint64_t"};
    return integers.contains(name) ? "stdint.h" : "";
}

void write_file(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    OutputFile file(path.string());
    file.write(text);
    file.commit();
}

// In C++ a value of a function that is not known: it becomes whatever is asked for.
constexpr std::string_view kAnyValue =
    "struct leakline_any { leakline_any(); template <class T> operator T() const; };\n"
    "template <class T> bool operator==(leakline_any, T); template <class T> bool operator!=(leakline_any, T);\n"
    "template <class T> bool operator<(leakline_any, T); template <class T> bool operator>(leakline_any, T);\n"
    "template <class T> bool operator<=(leakline_any, T); template <class T> bool operator>=(leakline_any, T);\n"
    "template <class T> T operator+(leakline_any, T); template <class T> T operator-(leakline_any, T);\n"
    "template <class T> T operator&(leakline_any, T); template <class T> T operator|(leakline_any, T);\n"
    "bool operator!(leakline_any);\n";

}  // namespace

bool StandIns::forget(const std::string& name) {
    if (!is_word(name) || !wrong_.insert(name).second) return false;
    const auto known = numbers_.erase(name) + pointers_.erase(name) + types_.erase(name) + tags_.erase(name) + constants_.erase(name) +
                       texts_.erase(name) + functions_.erase(name) + attributes_.erase(name);
    return known != 0;
}

bool StandIns::learn_header(const CompilerError& error) {
    if (!error.message.ends_with("file not found")) return false;
    const std::string header = quoted(error.message, "'");
    if (header.empty() || header.front() == '/' || header.find("..") != header.npos) return false;
    if (to_lower(fs::path(header).stem().string()).find("conf") != std::string::npos) configs_.insert(header);
    return headers_.insert(header).second;
}

bool StandIns::learn_undeclared(const CompilerError& error, const std::string& name) {
    const auto add = [&](std::set<std::string>& names) { return names.insert(name).second; };
    if (!is_word(name) || wrong_.contains(name) || error.next.starts_with("::")) return false;
    if (const std::string header = header_of_standard(name); !header.empty()) return system_headers_.insert(header).second;
    // "json_error_t error;", "ao_info *info;": a type that begins a statement.
    const bool declares = !error.next.empty() && (is_letter(error.next.front()) || (error.first && error.next.front() == '*') ||
                                                  (cpp_ && error.next.front() == '>'));
    if (declares) return types_.try_emplace(name).second;
    if (is_constant_name(name)) return add(is_text_name(name) ? texts_ : constants_);
    return cpp_ && error.next.starts_with("(") && add(functions_);
}

// "initializing 'app *' with an expression of incompatible type 'gpointer' (aka 'struct leakline_of_gpointer')": no structure, but
// a pointer or a number.
bool StandIns::learn_scalar(const std::string& message) {
    static constexpr std::array<std::string_view, 5> marks = {"incompatible", "invalid operands", "scalar type", "arithmetic",
                                                              "invalid argument type"};
    if (std::none_of(marks.begin(), marks.end(), [&](std::string_view mark) { return message.find(mark) != message.npos; })) return false;
    constexpr std::string_view kAka = "(aka 'struct leakline_of_";
    const std::size_t at = message.find(kAka);
    const std::size_t end = at == message.npos ? at : message.find('\'', at + kAka.size());
    if (end == message.npos) return false;
    const std::string name = message.substr(at + kAka.size(), end - at - kAka.size());  // "x *" is a pointer to a structure
    const auto known = types_.find(name);
    if (known == types_.end() || !known->second.empty()) return false;
    types_.erase(known);
    (message.find('*') == message.npos && message.find("(") == at ? numbers_ : pointers_).insert(name);
    return true;
}

bool StandIns::learn_name(const CompilerError& error) {
    const std::string& message = error.message;
    constexpr std::string_view kOf = "leakline_of_";
    if (own(error.file)) return forget(error.word.starts_with(kOf) ? error.word.substr(kOf.size()) : error.word);
    const auto starts = [&](std::string_view text) { return message.starts_with(text); };
    for (const char* clash : {"redefinition of ", "conflicting types for ", "is ambiguous"})
        if (message.find(clash) != message.npos) return forget(quoted(message, "'"));
    if (starts("typedef redefinition")) return forget(error.word);
    if (!cpp_ && learn_scalar(message)) return true;
    const auto add_type = [&](auto& types, const std::string& name) {
        return !numbers_.contains(name) && !pointers_.contains(name) && is_word(name) && !wrong_.contains(name) &&
               types.try_emplace(name).second;
    };
    if (starts("unknown type name ")) {
        const std::string name = quoted(message, "name ");
        if (const std::string header = header_of_standard(name); !header.empty()) return system_headers_.insert(header).second;
        return !error.next.starts_with("::") && add_type(types_, name);
    }
    if (starts("use of undeclared identifier ")) return learn_undeclared(error, quoted(message, "identifier "));
    // "void *f(int) WARN_UNUSED;", "printf(\"version \" GIT_SHA)"
    if (starts("expected function body after") || starts("expected ';' after top level declarator"))
        return is_word(error.word) && !wrong_.contains(error.word) && attributes_.insert(error.word).second;
    if (starts("expected ')'")) return is_constant_name(error.word) && is_word(error.word) && texts_.insert(error.word).second;
    if (starts("no member named ")) {
        const std::string member = quoted(message, "named ");
        std::string type = quoted(message, " in ");
        for (const std::string_view tag : {std::string_view("struct "), std::string_view("union "), kOf})
            if (type.starts_with(tag)) type.erase(0, tag.size());
        for (auto* types : {&types_, &tags_})
            if (const auto known = types->find(type); known != types->end()) return is_word(member) && known->second.insert(member).second;
        return false;
    }
    if (cpp_ || message.find("incomplete") == message.npos) return false;
    const std::size_t at = message.find("'struct ");
    return at != message.npos && add_type(tags_, quoted(message.substr(at), "'").substr(std::string_view("struct ").size()));
}

bool StandIns::learn(const std::vector<CompilerError>& errors, const std::vector<std::string>& files) {
    if (errors.empty() || ++tries_ >= (cpp_ ? kMaxTriesOfCpp : kMaxTries)) return false;
    const std::set<std::string> known_headers = headers_;
    bool changed = false;
    for (const CompilerError& error : errors) changed = learn_header(error) || changed;
    // In C++ a name that is not known is a mistake where no header is missing. Names come when the headers are settled: a config.h
    // decides which of the system's headers are read.
    const bool settled = !changed || cpp_;
    if (settled && !(cpp_ && headers_.empty()))
        for (const CompilerError& error : errors)
            if (types_.size() + tags_.size() + constants_.size() + functions_.size() < kMaxNames) changed = learn_name(error) || changed;
    if (!changed) return false;
    if (!folder_) folder_.emplace();
    std::string config;
    for (const std::string& header : headers_) {
        if (known_headers.contains(header)) continue;
        if (configs_.contains(header) && config.empty()) {
            std::vector<std::string> texts;
            for (const std::string& file : files) texts.push_back(read_file(file));
            config = guessed_config(texts);
        }
        write_file(fs::path(folder_->path()) / header, configs_.contains(header) ? config : "");
    }
    write_file(fs::path(folder_->path()) / "leakline_stand_ins.h", declarations());
    return true;
}

std::vector<std::string> StandIns::missing() const {
    std::set<std::string> names = headers_;
    if (names.empty()) {
        for (const auto* list : {&constants_, &texts_, &attributes_, &system_headers_}) names.insert(list->begin(), list->end());
        for (const auto* list : {&types_, &tags_})
            for (const auto& [name, members] : *list) names.insert(name);
    }
    return {names.begin(), names.end()};
}

std::string StandIns::declarations() const {
    std::string text;
    for (const std::string& header : system_headers_) text += fmt::format("#include <{}>\n", header);
    for (const std::string& name : attributes_) text += fmt::format("#define {}\n", name);
    const auto define = [&](const auto& types, const char* format) {
        for (const auto& [name, members] : types) {
            std::string fields = "int leakline_none;";
            for (const std::string& member : members) fields += fmt::format(" void *{};", member);
            text += fmt::format(fmt::runtime(format), name, fields);
        }
    };
    if (cpp_) {
        text += kAnyValue;
        define(types_, "struct {0} {{ {1} {0}(); template <class... T> {0}(T&&...); explicit operator bool() const; }};\n");
        for (const std::string& name : functions_) text += fmt::format("template <class... T> leakline_any {}(T&&...);\n", name);
    } else {
        define(tags_, "struct {0} {{ {1} }};\n");
        define(types_, "typedef struct leakline_of_{0} {{ {1} }} {0};\n");
        for (const std::string& name : numbers_) text += fmt::format("typedef long {};\n", name);
        for (const std::string& name : pointers_) text += fmt::format("typedef void *{};\n", name);
    }
    int value = 100'000;
    for (const std::string& name : constants_)
        text += fmt::format(fmt::runtime(cpp_ ? "constexpr int {} = {};\n" : "enum {{ {} = {} }};\n"), name, ++value);
    for (const std::string& name : texts_) text += fmt::format("#define {} \"\"\n", name);
    return text;
}

std::vector<std::string> StandIns::arguments() const {
    if (!folder_) return {};
    return {"-idirafter", folder_->path(), "-include", folder_->path() + "/leakline_stand_ins.h"};
}

}  // namespace leakline::audit
