#include "audit/audit.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "audit/internal/clang_reader.hpp"
#include "audit/internal/facts_cache.hpp"
#include "audit/internal/paths.hpp"
#include "audit/internal/python_reader.hpp"
#include "audit/internal/rules.hpp"
#include "audit/internal/sources.hpp"
#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "system/byte_source.hpp"
#include "system/descriptor.hpp"
#include "system/executables.hpp"

namespace leakline::audit {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxReasons = 4;
constexpr const char* kPythonMissing = "this build has no Python grammar";
constexpr const char* kPythonFix = "apt-get install libtree-sitter-dev npm, then scripts/setup.sh and build again";

struct Outcome {
    UnitFacts facts;
    std::vector<std::string> failed;  // why nothing could be read
    bool cached = false, done = false;
};

// The dotted name of a module: from the outermost folder that is a package.
std::string module_name(const fs::path& file) {
    std::string name = file.stem() == "__init__" ? "" : file.stem().string();
    std::error_code error;
    for (fs::path folder = file.parent_path(); fs::exists(folder / "__init__.py", error); folder = folder.parent_path())
        name = folder.filename().string() + (name.empty() ? "" : "." + name);
    return name.empty() ? file.parent_path().filename().string() : name;
}

std::string listed(std::vector<std::string> parts) {
    if (parts.size() > kMaxReasons) {
        const std::size_t more = parts.size() - kMaxReasons;
        parts.resize(kMaxReasons);
        parts.push_back(fmt::format("and {} more", more));
    }
    return fmt::format("{}", fmt::join(parts, ", "));
}

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts) text += part + '\n';
    return text;
}

// From the cache, or read and put there.
template <class Read>
void read_through(FactsCache& cache, const std::string& key, Outcome& outcome, const Read& read) {
    if (auto facts = cache.find(key)) {
        outcome.facts = *std::move(facts);
        outcome.cached = true;
        return;
    }
    ReadUnit unit = read();
    cache.keep(key, unit);
    outcome.facts = std::move(unit.facts);
}

void read_clang(const ClangUnit& unit, const std::vector<std::string>& roots, FactsCache& cache, Outcome& outcome) {
    const std::string key = joined({"clang", clang_library(), unit.file, unit.directory}) + joined(unit.arguments) + joined(roots);
    read_through(cache, key, outcome, [&] { return read_clang_unit(unit, roots); });
}

void read_module(const std::string& file, FactsCache& cache, Outcome& outcome) {
    const std::string module = module_name(file);
    const std::string key = joined({"python", file, module});
    read_through(cache, key, outcome, [&] { return ReadUnit{read_python(read_file(file), file, module), {file}}; });
}

// Returns to the current folder at the end: libclang changes it, for the whole process, to the folder that a unit is compiled in.
class KeptFolder {
  public:
    KeptFolder() : here_(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)) {}
    KeptFolder(const KeptFolder&) = delete;
    KeptFolder& operator=(const KeptFolder&) = delete;
    ~KeptFolder() { [[maybe_unused]] const int ignored = here_.get() < 0 ? 0 : ::fchdir(here_.get()); }

  private:
    Descriptor here_;
};

// Paths as people type them: from the current folder where they lie under it.
class Shortening {
  public:
    Shortening() {
        std::error_code gone;
        here_ = fs::current_path(gone).string();
    }
    void operator()(std::string& file) const {
        if (!here_.empty() && file.size() > here_.size() && file.starts_with(here_) && file[here_.size()] == '/')
            file.erase(0, here_.size() + 1);
    }
    template <class F>
    static void each(AuditFinding& finding, const F& change) {
        change(finding.declared.file);
        for (AuditFinding::Site& site : finding.growth) change(site.at.file);
        for (AuditFinding::Removal& removal : finding.removals) change(removal.site.at.file);
    }

  private:
    std::string here_;
};

// The text of lines, each file read once.
class SourceLines {
  public:
    // Valid as long as this object.
    std::string_view line(const std::string& file, std::uint32_t number) {
        auto [at, added] = files_.try_emplace(file);
        if (added) {
            try {
                at->second.text = read_file(file);
                at->second.lines = split(at->second.text, '\n');
            } catch (const Error&) {
                // gone since it was read
            }
        }
        const auto& lines = at->second.lines;
        return number == 0 || number > lines.size() ? std::string_view() : trim(lines[number - 1]);
    }
    void fill(AuditFinding& finding) {
        finding.source = line(finding.declared.file, finding.declared.line);
        for (AuditFinding::Site& site : finding.growth) site.source = line(site.at.file, site.at.line);
        for (AuditFinding::Removal& removal : finding.removals) removal.site.source = line(removal.site.at.file, removal.site.at.line);
    }

  private:
    struct File {
        std::string text;
        std::vector<std::string_view> lines;
    };
    std::map<std::string, File> files_;
};

bool has_word(std::string_view text, std::string_view word) {
    for (std::size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
        const std::size_t end = at + word.size();
        if ((at == 0 || !is_word_part(text[at - 1])) && (end == text.size() || !is_word_part(text[end]))) return true;
    }
    return false;
}

// Code with errors that names the container, or the class of the nodes in it, may do more than is seen: remove.
void doubt_unread(const Program& program, SourceLines& lines, AuditFinding& finding) {
    std::vector<std::string> words = {finding.subject.substr(finding.subject.find_last_of(":.") + 1)};
    std::string type = finding.type.substr(0, finding.type.find_last_not_of("*& ") + 1);
    if (type.find('<') == type.npos && finding.type != type) words.push_back(type.substr(type.rfind(' ') + 1));
    for (const Unread& unread : program.facts().unread) {
        const std::string& file = program.text(unread.at.file);
        for (std::uint32_t line = unread.at.line; line <= unread.end; ++line) {
            const std::string_view text = lines.line(file, line);
            if (std::none_of(words.begin(), words.end(), [&](const std::string& word) { return has_word(text, word); })) continue;
            finding.doubts.push_back(fmt::format("{}:{} has errors and may do more to it than is seen", file_name(file), line));
            finding.level = AuditFinding::Level::note;
            return;
        }
    }
}

bool is_wanted(const AuditFinding& finding, const std::vector<std::string>& wanted) {
    const auto inside = [&](const std::string& file) { return is_within_any(file, wanted); };
    return inside(finding.declared.file) ||
           std::any_of(finding.growth.begin(), finding.growth.end(), [&](const AuditFinding::Site& site) { return inside(site.at.file); });
}

}  // namespace

std::string default_cache_directory() {
    if (const std::string_view cache = environment_variable("XDG_CACHE_HOME"); !cache.empty())
        return std::string(cache) + "/leakline/audit";
    const std::string_view home = environment_variable("HOME");
    return home.empty() ? "" : std::string(home) + "/.cache/leakline/audit";
}

Readers available_readers() {
    Readers readers;
    try {
        readers.clang = clang_library();
    } catch (const Error& error) {
        readers.clang_missing = error.message();
        readers.clang_fix = error.hint();
    }
    if (has_python_grammar()) {
        readers.python = "tree-sitter";
    } else {
        readers.python_missing = kPythonMissing;
        readers.python_fix = kPythonFix;
    }
    return readers;
}

Audit run_audit(const AuditOptions& options) {
    const Sources sources = find_sources(options.paths, options.compile_commands);
    if (!sources.clang.empty()) clang_library();
    if (!sources.python.empty() && !has_python_grammar()) throw Error(ErrorKind::input, sources.python.front(), kPythonMissing, kPythonFix);

    const std::size_t total = sources.clang.size() + sources.python.size();
    const auto file_of = [&](std::size_t i) -> const std::string& {
        return i < sources.clang.size() ? sources.clang[i].file : sources.python[i - sources.clang.size()];
    };
    std::vector<Outcome> outcomes(total);
    FactsCache cache(options.cache_directory);
    std::atomic<std::size_t> next{0}, done{0};
    const auto work = [&] {
        for (std::size_t i; !options.stop.stop_requested() && (i = next++) < total;) {
            Outcome& outcome = outcomes[i];
            try {
                if (i < sources.clang.size())
                    read_clang(sources.clang[i], sources.roots, cache, outcome);
                else
                    read_module(file_of(i), cache, outcome);
            } catch (const Error& error) {
                outcome.failed.push_back(error.message());
            } catch (const std::exception& error) {
                outcome.failed.emplace_back(error.what());
            }
            outcome.done = true;
            ++done;
        }
    };
    {
        const KeptFolder kept;  // outlives the threads
        const std::size_t jobs = options.jobs != 0 ? options.jobs : std::max(1u, std::thread::hardware_concurrency());
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < std::min(jobs, total); ++i) threads.emplace_back(work);
        while (done < total && !options.stop.stop_requested()) {
            const std::size_t at = std::min(next.load(), total - 1);
            if (options.progress)
                options.progress(std::string(file_name(file_of(at))), static_cast<double>(done) / static_cast<double>(total));
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    }

    Audit audit;
    Program program;
    const Shortening shorten;
    for (const Outcome& outcome : outcomes) program.note_reexports(outcome.facts);
    for (std::size_t i = 0; i < total; ++i) {
        Outcome& outcome = outcomes[i];
        if (!outcome.done) continue;
        ++audit.units;
        audit.cached += outcome.cached ? 1 : 0;
        std::string file = file_of(i);
        shorten(file);
        if (!outcome.failed.empty()) {
            audit.failed.push_back({file, outcome.failed, false, false});
            continue;
        }
        if (!outcome.facts.errors.empty()) {
            outcome.facts.errors.resize(std::min(outcome.facts.errors.size(), kMaxReasons));
            if (!outcome.facts.missing.empty())
                outcome.facts.errors.insert(outcome.facts.errors.begin(), "not found: " + listed(outcome.facts.missing));
            audit.failed.push_back({file, outcome.facts.errors, true, false});
        } else if (!outcome.facts.missing.empty()) {
            audit.failed.push_back({file, {"not found, so what it declares was guessed: " + listed(outcome.facts.missing)}, true, true});
        }
        program.add(std::move(outcome.facts));
    }
    if (audit.units < total) audit.warnings.push_back(fmt::format("interrupted: {} of {} files were read", audit.units, total));
    program.join();
    audit.lines = program.facts().lines;
    audit.containers = static_cast<std::uint64_t>(std::count_if(program.facts().variables.begin(), program.facts().variables.end(),
                                                                [](const Variable& variable) { return variable.container; }));

    SourceLines lines;
    for (const RuleRow& rule : rules())
        for (AuditFinding& finding : rule.find(program)) {
            if (!is_wanted(finding, sources.wanted)) continue;
            doubt_unread(program, lines, finding);
            lines.fill(finding);
            Shortening::each(finding, shorten);
            audit.findings.push_back(std::move(finding));
        }
    for (const CodeLine& place : options.explain) {
        audit.explained = explain_growth(program, place);
        if (!audit.explained) continue;
        lines.fill(*audit.explained);
        Shortening::each(*audit.explained, shorten);
        doubt_unread(program, lines, *audit.explained);
        audit.explained->level = AuditFinding::Level::error;
        break;
    }
    std::sort(audit.findings.begin(), audit.findings.end(), [](const AuditFinding& a, const AuditFinding& b) {
        return std::tie(a.level, a.declared.file, a.declared.line, a.subject, a.rule) <
               std::tie(b.level, b.declared.file, b.declared.line, b.subject, b.rule);
    });
    for (const Bound& bound : program.facts().bounds)
        if (!bound.valid) {
            std::string file = program.text(bound.at.file);
            shorten(file);
            audit.warnings.push_back(fmt::format("{}:{}: this comment accepts nothing: '{}'; write it as 'leakline: bounded by N, reason'",
                                                 file, bound.at.line, printable(program.text(bound.text))));
        }
    if (sources.not_in_database != 0)
        audit.warnings.push_back(fmt::format("{} source files are not in {} and were not read", sources.not_in_database, sources.database));
    if (sources.elsewhere != 0 && !sources.clang.empty())
        audit.warnings.push_back(
            fmt::format("{} other units of {} were not read: what they remove is not seen", sources.elsewhere, sources.database));
    return audit;
}

}  // namespace leakline::audit
