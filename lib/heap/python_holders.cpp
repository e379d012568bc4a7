#include "heap/python_holders.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "system/byte_source.hpp"
#include "system/procfs.hpp"

namespace leakline::heap {

namespace {

constexpr std::size_t kLongestName = 1000, kMaxHolders = 1000, kMaxTypes = 100'000, kLargestSource = std::size_t{8} << 20;

// The answer is of lines of fields that tabs separate:
//   holder BYTES GROWTH TYPE ITEMS TYPE_OF_ITEMS
//   variable global MODULE FILE NAME 0 | variable local FUNCTION FILE NAME FIRST_LINE     of the holder; the same object may have several
//   variable native                                  objects of TYPE to which only native code refers, ITEMS of them; without a type, memory
//                                                    that no object leads to
//   path TEXT         from the variable to the holder: ".records", "[\"name\"]", " closure variable kept"
//   named ROOT PATH FUNCTION MODULE FILE LINE      in the place of the last two, in an answer of leakline itself
//   total BLOCKS BYTES       of all that was weighed
//   others                   what other variables hold, or native code
//   lost BLOCKS BYTES        growth of objects that only keep each other alive, with all that they lead to
//   lost_type NAME OBJECTS BLOCKS BYTES     the same by type
//   frame FILE LINE GROWTH   of what was named last
//   program FILE             of the module __main__
//   type NAME OBJECTS GROWTH ITS_ERROR BYTES GROWTH ITS_ERROR      objects, then bytes; standard errors
//   end
struct Variable {
    Holder::Root root = Holder::Root::local;
    std::string owner, file, name;
    std::uint32_t first_line = 0;
};

std::uint64_t number(std::string_view text) {
    constexpr std::uint64_t kMost = std::uint64_t{1} << 44;  // sums of them do not overflow
    return std::min(parse_number(text).value_or(0), kMost);
}
std::uint32_t line_number(std::string_view text) { return static_cast<std::uint32_t>(std::min<std::uint64_t>(number(text), UINT32_MAX)); }
std::string name_of(std::string_view text) { return printable(text.substr(0, kLongestName)); }

// ---- where a variable is made

bool starts_assignment(std::string_view text, std::string_view name) {
    if (name.empty() || !text.starts_with(name)) return false;
    text = text.substr(name.size());
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    return text.starts_with(":") || (text.starts_with("=") && !text.starts_with("=="));
}

struct Place {
    std::uint32_t line = 0;
    bool exact = false;  // at the level where the variable belongs
};

template <class Matches>
Place find_line(std::string_view source, std::uint32_t first, const Matches& matches) {
    Place found;
    for (std::uint32_t line = 1; !source.empty(); ++line) {
        const std::string_view text = take_line(source);
        if (line < first) continue;
        const std::optional<bool> match = matches(text, trim(text));
        if (!match || (found.line != 0 && !*match)) continue;
        found = {line, *match};
        if (found.exact) break;
    }
    return found;
}

// By file, each read once; empty: it cannot be read.
struct Sources {
    ReadSources may_read = ReadSources::yes;
    std::map<std::string, std::string> files;
};

// By its name (of a server's configuration as well), or by the interpreter that its first line names.
bool is_python_source(std::string_view file, std::string_view text) {
    constexpr std::array<std::string_view, 4> kEndings = {".py", ".pyw", ".wsgi", ".tac"};
    const std::string_view first = text.substr(0, text.find('\n'));
    return std::any_of(kEndings.begin(), kEndings.end(), [&](std::string_view ending) { return file.ends_with(ending); }) ||
           (first.starts_with("#!") && first.find("python") != first.npos);
}

const std::string& source_of(const std::string& file, Sources& sources) {
    const auto [found, added] = sources.files.try_emplace(file);
    if (sources.may_read == ReadSources::no) return found->second;
    // The program says what its files are: nothing is read that could block or is none of its source.
    std::error_code ignored;
    if (!added || !std::filesystem::is_regular_file(file, ignored)) return found->second;
    try {
        std::string text = read_file(file, kLargestSource);
        if (is_python_source(file, text)) found->second = std::move(text);
    } catch (const Error&) {
    }
    return found->second;
}

Place place_of(const Variable& variable, std::string_view path, Sources& sources) {
    const std::string& source = source_of(variable.file, sources);
    using Match = std::optional<bool>;
    const std::string_view last_of_path = path.substr(std::min(path.size(), path.find_last_of(". ") + 1));
    // "Class.method default argument names": of a module's function, the path has only the end.
    if (const std::size_t end = std::min(path.find(" default argument "), path.find(" lru_cache")); end != path.npos) {
        const std::string_view before = path.substr(0, end);
        const std::string function(before.empty() ? std::string_view(variable.name) : before.substr(before.find_last_of('.') + 1));
        return find_line(source, 1, [&](std::string_view, std::string_view text) -> Match {
            return text.starts_with("def " + function + "(") || text.starts_with("async def " + function + "(") ? Match(true)
                                                                                                                : std::nullopt;
        });
    }
    if (path.find(" closure variable ") != path.npos)
        return find_line(source, 1, [&](std::string_view, std::string_view text) -> Match {
            return starts_assignment(text, last_of_path) ? Match(true) : std::nullopt;
        });
    if (path.starts_with(".") && last_of_path.find('[') == last_of_path.npos) {
        const Place place = find_line(source, 1, [&](std::string_view all, std::string_view text) -> Match {
            const bool indented = all.starts_with(' ') || all.starts_with('\t');
            return indented && (starts_assignment(text, last_of_path) || starts_assignment(text, "self." + std::string(last_of_path)))
                       ? Match(true)
                       : std::nullopt;
        });
        if (place.line != 0) return place;
    }
    return find_line(source, std::max(1u, variable.first_line), [&](std::string_view all, std::string_view text) -> Match {
        if (!starts_assignment(text, variable.name)) return std::nullopt;
        return variable.root != Holder::Root::global || all.starts_with(variable.name);
    });
}

// The program's module is named after its file, also where multiprocessing has imported it into a worker (spawn, forkserver).
constexpr std::array<std::string_view, 2> kProgramModules = {"__main__", "__mp_main__"};
bool is_program(std::string_view module) {
    return std::find(kProgramModules.begin(), kProgramModules.end(), module) != kProgramModules.end();
}
std::string module_name(const std::string& name, std::string_view file) {
    if (!is_program(name) || file.empty()) return name;
    const auto without_ending = [](std::string_view path) { return std::string(path.substr(0, path.rfind('.'))); };
    std::string own = without_ending(file_name(file));
    // `python -m package`, and archives of zipapp.
    const std::string_view folder = file.substr(0, file.size() - file_name(file).size());
    if (own != "__main__" || folder.size() < 2) return own;
    return fmt::format("{}.{}", file_name(folder.substr(0, folder.size() - 1)), own);
}

// Of the names of one object, the one that is made where it says so.
void name_holder(Holder& holder, const std::vector<Variable>& variables, const std::string& path, Sources& sources) {
    if (variables.empty()) return;
    const Variable* chosen = &variables.front();
    Place place;
    for (const Variable& variable : variables) {
        const Place other = place_of(variable, path, sources);
        if (other.exact || (place.line == 0 && other.line != 0)) chosen = &variable, place = other;
        if (place.exact) break;
    }
    const bool global = chosen->root == Holder::Root::global;
    holder.root = chosen->root;
    holder.path = global ? fmt::format("{}.{}", module_name(chosen->owner, chosen->file), chosen->name.empty() ? "__dict__" : chosen->name)
                         : chosen->name;
    holder.path += path;
    if (!global) holder.function = chosen->owner;
    holder.module = global ? chosen->owner : "";
    holder.line = place.line != 0 ? place.line : chosen->first_line;
    if (holder.line != 0) holder.file = chosen->file;
}

Holder::Root root_of(std::string_view text) {
    if (text == "global") return Holder::Root::global;
    return text == "native" || text == root_name(Holder::Root::native_code) ? Holder::Root::native_code : Holder::Root::local;
}

std::optional<std::string_view> last_complete(std::string_view text) {
    constexpr std::string_view kEnd = "\nend\n";
    const std::size_t end = text.rfind(kEnd);
    if (end == text.npos) return std::nullopt;
    text = text.substr(0, end + 1);
    if (const std::size_t before = text.rfind(kEnd); before != text.npos) text.remove_prefix(before + kEnd.size());
    return text;
}

class AnswerReader {
  public:
    AnswerReader(PythonHolders& found, ReadSources sources) : found_(found), sources_{sources, {}} {
        for (std::size_t i = 0; i < found.types.size(); ++i) types_.emplace(found.types[i].name, i);
    }

    void read(std::string_view answer) {
        while (!answer.empty()) read_line(split(take_line(answer), '\t'));
        end_holder();
    }

  private:
    void read_line(const std::vector<std::string_view>& fields) {
        const std::string_view kind = fields[0];
        if (kind == "holder" && fields.size() == 6) {
            end_holder();
            begin_holder(fields);
        } else if (kind == "variable" && fields.size() == 6 && current_) {
            variables_.push_back({root_of(fields[1]), name_of(fields[2]), name_of(fields[3]), name_of(fields[4]), line_number(fields[5])});
        } else if (kind == "path" && fields.size() == 2 && current_) {
            name_holder(current_->holder, variables_, name_of(fields[1]), sources_);
        } else if (kind == "named" && fields.size() == 7 && current_) {
            Holder& holder = current_->holder;
            holder.root = root_of(fields[1]);
            holder.path = name_of(fields[2]);
            holder.function = name_of(fields[3]);
            holder.module = name_of(fields[4]);
            holder.file = name_of(fields[5]);
            holder.line = line_number(fields[6]);
        } else if (kind == "others") {
            end_holder();
            lines_ = &found_.others;
        } else if (kind == "lost" && fields.size() == 3) {
            end_holder();
            lines_ = &found_.lost;
            found_.lost_blocks += number(fields[1]);
            found_.lost_bytes += number(fields[2]);
        } else if (kind == "lost_type" && fields.size() == 5) {
            add_lost_kind(fields);
        } else if (kind == "program" && fields.size() == 2) {
            program_ = name_of(fields[1]);
        } else if (kind == "type" && fields.size() == 8) {
            end_holder();
            add_type(fields);
        } else if (kind == "frame" && fields.size() == 4 && lines_ != nullptr) {
            lines_->push_back(
                {std::string(fields[1].substr(0, kLongestName)), line_number(fields[2]), static_cast<double>(number(fields[3]))});
        }
    }
    std::string type_name(std::string_view text) const {
        const std::size_t end = std::min(text.find('.'), text.size());
        if (end == text.size() || !is_program(text.substr(0, end))) return name_of(text);
        return fmt::format("{}.{}", module_name(name_of(text.substr(0, end)), program_), name_of(text.substr(end + 1)));
    }
    void add_lost_kind(const std::vector<std::string_view>& fields) {
        const std::string name = type_name(fields[1]);
        auto& kinds = found_.lost_kinds;
        auto same = std::find_if(kinds.begin(), kinds.end(), [&](const LostKind& kind) { return kind.type == name; });
        if (same == kinds.end()) {
            if (kinds.size() == kMaxHolders) return;
            same = kinds.insert(kinds.end(), LostKind{false, name, {}, 0, 0, 0, 0});
        }
        same->count += number(fields[2]);
        same->blocks += number(fields[3]);
        same->bytes += number(fields[4]);
    }
    // Of several processes, and of classes that were made again, the sum.
    void add_type(const std::vector<std::string_view>& fields) {
        std::string name = type_name(fields[1]);
        const auto [found, added] = types_.try_emplace(name, found_.types.size());
        if (added && found_.types.size() == kMaxTypes) return void(types_.erase(found));
        if (added) found_.types.push_back({std::move(name), 0, 0, 0, 0, {}, {}});
        ObjectType& type = found_.types[found->second];
        type.objects += number(fields[2]);
        type.growth_objects += static_cast<std::int64_t>(number(fields[3]));
        type.growth_error_objects = std::hypot(type.growth_error_objects.value_or(0), static_cast<double>(number(fields[4])));
        type.bytes += number(fields[5]);
        type.growth_bytes += static_cast<std::int64_t>(number(fields[6]));
        type.growth_error_bytes = std::hypot(type.growth_error_bytes.value_or(0), static_cast<double>(number(fields[7])));
    }
    void begin_holder(const std::vector<std::string_view>& fields) {
        current_.emplace();
        Holder& holder = current_->holder;
        holder.runtime = Runtime::python;
        holder.bytes = number(fields[1]);
        holder.growth_bytes = static_cast<std::int64_t>(number(fields[2]));
        holder.type = type_name(fields[3]);
        if (!fields[4].empty()) holder.elements = number(fields[4]);
        holder.element_type = type_name(fields[5]);
        variables_.clear();
        lines_ = &current_->lines;
    }
    // Processes of one program have the same variables.
    void end_holder() {
        lines_ = nullptr;
        if (!current_) return;
        const Holder& holder = current_->holder;
        const auto same = std::find_if(found_.holders.begin(), found_.holders.end(), [&](const PythonHolder& known) {
            const Holder& other = known.holder;
            return std::tie(other.path, other.type, other.file, other.line, other.function, other.module) ==
                   std::tie(holder.path, holder.type, holder.file, holder.line, holder.function, holder.module);
        });
        if (same == found_.holders.end()) {
            if (found_.holders.size() < kMaxHolders) found_.holders.push_back(std::move(*current_));
        } else {
            same->holder.bytes += holder.bytes;
            *same->holder.growth_bytes += *holder.growth_bytes;
            if (same->holder.elements && holder.elements) *same->holder.elements += *holder.elements;
            std::move(current_->lines.begin(), current_->lines.end(), std::back_inserter(same->lines));
        }
        current_.reset();
    }

    PythonHolders& found_;
    std::optional<PythonHolder> current_;
    std::vector<Variable> variables_;  // of the current holder
    Sources sources_;
    std::map<std::string, std::size_t> types_;  // places in found_.types
    std::string program_;                       // the file of __main__
    std::vector<LineBytes>* lines_ = nullptr;   // where frames go
};

}  // namespace

bool add_answer(std::string_view text, PythonHolders& found, ReadSources sources) {
    const std::optional<std::string_view> answer = last_complete(text);
    if (answer) AnswerReader(found, sources).read(*answer);
    return answer.has_value();
}

Weighed weighed_in(std::string_view text) {
    Weighed weighed;
    std::string_view answer = last_complete(text).value_or(std::string_view());
    while (!answer.empty()) {
        const auto fields = split(take_line(answer), '\t');
        if (fields[0] == "total" && fields.size() == 3) weighed = {number(fields[1]), number(fields[2])};
    }
    return weighed;
}

std::string answer_of(const PythonHolders& found) {
    std::string answer;
    const auto add_lines = [&](const std::vector<LineBytes>& lines) {
        for (const LineBytes& line : lines) answer += fmt::format("frame\t{}\t{}\t{:.0f}\n", printable(line.file), line.line, line.bytes);
    };
    for (const auto& [holder, lines] : found.holders) {
        answer += fmt::format("holder\t{}\t{}\t{}\t{}\t{}\n", holder.bytes, holder.growth_bytes.value_or(0), holder.type,
                              holder.elements ? fmt::format("{}", *holder.elements) : "", holder.element_type);
        answer += fmt::format("named\t{}\t{}\t{}\t{}\t{}\t{}\n", root_name(holder.root), holder.path, holder.function, holder.module,
                              holder.file, holder.line);
        add_lines(lines);
    }
    answer += "others\n";
    add_lines(found.others);
    answer += fmt::format("lost\t{}\t{}\n", found.lost_blocks, found.lost_bytes);
    add_lines(found.lost);
    for (const LostKind& kind : found.lost_kinds)
        answer += fmt::format("lost_type\t{}\t{}\t{}\t{}\n", kind.type, kind.count, kind.blocks, kind.bytes);
    for (const ObjectType& type : found.types)
        answer += fmt::format("type\t{}\t{}\t{}\t{:.0f}\t{}\t{}\t{:.0f}\n", type.name, type.objects, type.growth_objects,
                              type.growth_error_objects.value_or(0), type.bytes, type.growth_bytes, type.growth_error_bytes.value_or(0));
    return answer + "end\n";
}

}  // namespace leakline::heap
