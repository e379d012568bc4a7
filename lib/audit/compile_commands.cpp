#include "audit/internal/compile_commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.hpp"
#include "base/strings.hpp"

namespace leakline::audit {

namespace {

[[noreturn]] void bad(const std::string& name, const std::string& what) {
    throw Error(ErrorKind::input, name, what, "cmake -DCMAKE_EXPORT_COMPILE_COMMANDS=ON or bear -- make writes such a file");
}

}  // namespace

std::vector<std::string> split_command(std::string_view command) {
    std::vector<std::string> words;
    std::string word;
    bool open = false;
    char quote = 0;
    for (std::size_t i = 0; i < command.size(); ++i) {
        const char c = command[i];
        if (quote == '\'') {
            if (c == '\'')
                quote = 0;
            else
                word += c;
        } else if (c == '\\' && i + 1 < command.size() &&
                   (quote == 0 || command[i + 1] == '"' || command[i + 1] == '\\' || command[i + 1] == '$' || command[i + 1] == '`')) {
            word += command[++i];
            open = true;
        } else if (quote == '"') {
            if (c == '"')
                quote = 0;
            else
                word += c;
        } else if (c == '\'' || c == '"') {
            quote = c;
            open = true;
        } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            if (open) words.push_back(std::move(word));
            word.clear();
            open = false;
        } else {
            word += c;
            open = true;
        }
    }
    if (open) words.push_back(std::move(word));
    return words;
}

std::vector<std::string> reading_arguments(const std::vector<std::string>& arguments) {
    // With a value of their own, or joined to it.
    static constexpr std::array<std::string_view, 13> with_value = {
        "-D", "-U", "-I", "-isystem", "-iquote", "-idirafter", "-include", "-imacros", "-x", "-isysroot", "--sysroot", "-target", "-F"};
    static constexpr std::array<std::string_view, 17> joined = {
        "-std=",           "--std=",    "--sysroot=",   "--target=",    "-march=",  "-fsigned-char", "-funsigned-char",
        "-fno-exceptions", "-fno-rtti", "-fms-ext",     "-fcoroutines", "-pthread", "-m32",          "-m64",
        "-nostdinc",       "-stdlib=",  "-fshort-enums"};
    std::vector<std::string> kept;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string& argument = arguments[i];
        // GCC-only values that clang would stumble over.
        if (argument.starts_with("-march=") || argument == "-fcoroutines") continue;
        if (std::any_of(joined.begin(), joined.end(), [&](std::string_view start) { return argument.starts_with(start); })) {
            kept.push_back(argument);
            continue;
        }
        for (const std::string_view option : with_value) {
            if (argument == option) {
                if (i + 1 < arguments.size()) {
                    kept.push_back(argument);
                    kept.push_back(arguments[++i]);
                }
                break;
            }
            const bool letter = option.size() == 2;
            if (argument.starts_with(option) && argument.size() > option.size() &&
                (letter || option == "-isystem" || option == "-iquote")) {
                kept.push_back(argument);
                break;
            }
        }
    }
    return kept;
}

std::vector<ClangUnit> parse_compile_commands(std::string_view text, const std::string& name) {
    const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_array()) bad(name, "not a compilation database: not a JSON array");
    std::vector<ClangUnit> units;
    std::set<std::string> seen;
    for (const nlohmann::json& item : json) {
        const std::string place = fmt::format("entry {}", units.size() + 1);
        if (!item.is_object()) bad(name, place + ": expected an object");
        const auto string = [&](const char* member) -> std::string {
            const auto found = item.find(member);
            if (found == item.end()) return {};
            if (!found->is_string()) bad(name, fmt::format("{}: {}: expected a string", place, member));
            return found->get<std::string>();
        };
        ClangUnit unit;
        unit.directory = string("directory");
        const std::string file = string("file");
        if (file.empty()) bad(name, place + ": no file");
        unit.file = (std::filesystem::path(unit.directory) / file).lexically_normal().string();
        std::vector<std::string> arguments;
        if (const auto list = item.find("arguments"); list != item.end()) {
            if (!list->is_array()) bad(name, place + ": arguments: expected an array");
            for (const nlohmann::json& argument : *list) {
                if (!argument.is_string()) bad(name, place + ": arguments: expected strings");
                arguments.push_back(argument.get<std::string>());
            }
        } else {
            arguments = split_command(string("command"));
        }
        unit.arguments = reading_arguments(arguments);
        if (unit.file.find('\0') != std::string::npos) bad(name, place + ": a file's name holds a zero byte");
        if (seen.insert(unit.file).second) units.push_back(std::move(unit));
    }
    return units;
}

}  // namespace leakline::audit
