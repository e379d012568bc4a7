#include "report/repository_paths.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include "base/ascii.hpp"
#include "base/strings.hpp"
#include "system/proc_file.hpp"

namespace leakline::report {

namespace fs = std::filesystem;

namespace {

void collect(const std::vector<CallerNode>& callers, std::set<std::string>& files) {
    for (const CallerNode& caller : callers) {
        files.insert(caller.at.file);
        collect(caller.callers, files);
    }
}

std::optional<std::string> within(const fs::path& file, const fs::path& root) {
    std::error_code error;
    const fs::path real = fs::canonical(file, error);
    if (error || !fs::is_regular_file(real, error)) return std::nullopt;
    const std::string relative = real.lexically_relative(root).generic_string();
    if (relative.empty() || relative.starts_with("..")) return std::nullopt;
    return relative;
}

bool same_text(const fs::path& a, const fs::path& b) {
    const auto text = read_small_file(a.string());
    return text && text == read_small_file(b.string());
}

// The rest of a path after each of its folders, longest first: for a program that was built elsewhere.
std::optional<std::string> find(const std::string& file, const fs::path& root) {
    std::error_code ignored;
    const bool here = fs::is_regular_file(file, ignored);
    if (here)
        if (auto found = within(file, root)) return found;
    const fs::path path(file);
    const auto parts = std::distance(path.begin(), path.end());
    for (auto begin = path.begin(); std::distance(begin, path.end()) >= 2; ++begin) {
        fs::path suffix;
        for (auto part = begin; part != path.end(); ++part) suffix /= *part;
        if (suffix.is_absolute()) continue;
        auto found = within(root / suffix, root);
        // A file that exists outside of the repository belongs to it only if it is a copy: a system's
        // header may have the name of one of the project's.
        if (found && (!here || same_text(file, root / suffix))) return found;
    }
    return parts == 1 && !here ? within(root / path, root) : std::nullopt;
}

}  // namespace

std::map<std::string, std::string> repository_paths(const Document& document, const std::string& root) {
    const LineReport* report = std::get_if<LineReport>(&document);
    if (const auto* diagnosis = diagnosis_in(document)) report = &diagnosis->lines;
    std::map<std::string, std::string> out;
    std::error_code error;
    const fs::path real = fs::canonical(root, error);
    const auto* audit = std::get_if<Audit>(&document);
    if ((report == nullptr && audit == nullptr) || root.empty() || error) return out;
    std::set<std::string> files;
    if (report != nullptr) {
        for (const LineGrowth& line : report->lines) {
            files.insert(line.at.file);
            collect(line.callers, files);
        }
        for (const ResourceLine& line : report->resource_lines) files.insert(line.at.file);
    }
    if (audit != nullptr)
        for (const AuditFinding& finding : audit->findings) {
            files.insert(finding.declared.file);
            for (const AuditFinding::Site& site : finding.growth) files.insert(site.at.file);
            for (const AuditFinding::Removal& removal : finding.removals) files.insert(removal.site.at.file);
        }
    for (const std::string& file : files)
        if (!file.empty())
            if (auto found = find(file, real)) out.emplace(file, *std::move(found));
    return out;
}

std::string head_commit(const std::string& root) {
    if (root.empty()) return {};
    const auto text_of = [](const fs::path& path) { return std::string(trim(read_small_file(path.string()).value_or(""))); };
    const auto abbreviated = [](const std::string& hash) {
        const bool is_hash = hash.size() >= 40 && std::all_of(hash.begin(), hash.end(), [](char c) { return hex_digit(c) >= 0; });
        return is_hash ? hash.substr(0, 12) : std::string();
    };
    // A worktree's .git is a file that names its folder, and that names the one where branches are.
    fs::path git = fs::path(root) / ".git";
    if (const std::string text = text_of(git); text.starts_with("gitdir: ")) git = fs::path(root) / text.substr(8);
    const std::string head = text_of(git / "HEAD"), common = text_of(git / "commondir");
    if (!head.starts_with("ref: ")) return abbreviated(head);
    const std::string branch = head.substr(5);
    for (const fs::path& folder : {git, git / common}) {
        if (std::string commit = abbreviated(text_of(folder / branch)); !commit.empty()) return commit;
        const std::string packed = text_of(folder / "packed-refs");
        for (const std::string_view line : split(packed, '\n'))
            if (line.size() > branch.size() + 40 && line.ends_with(" " + branch))
                return abbreviated(std::string(line.substr(0, line.find(' '))));
    }
    return {};
}

std::string repository_root(const std::string& directory) {
    std::error_code error;
    for (fs::path path = fs::canonical(directory, error); !error && !path.empty(); path = path.parent_path()) {
        if (fs::exists(path / ".git", error)) return path.string();
        if (path == path.parent_path()) break;
    }
    return {};
}

}  // namespace leakline::report
