#include "report/source_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "system/byte_source.hpp"

namespace leakline::report {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kLargestFile = std::size_t{64} << 20;
constexpr std::size_t kMaxFiles = 200'000;  // of an index: a --source of / must not run for minutes

std::vector<std::string> components(const std::string& path) {
    std::vector<std::string> out;
    for (std::string_view piece : split(path, '/'))
        if (!piece.empty() && piece != ".") out.emplace_back(piece);
    return out;
}

// How many components, from the end, two paths share.
std::size_t shared_suffix(const std::vector<std::string>& a, const std::vector<std::string>& b) {
    std::size_t n = 0;
    while (n < a.size() && n < b.size() && a[a.size() - 1 - n] == b[b.size() - 1 - n]) ++n;
    return n;
}

bool is_file(const std::string& path) {
    std::error_code ignored;
    return fs::is_regular_file(path, ignored);
}

std::vector<std::string> read_lines(const std::string& path) {
    std::vector<std::string> out;
    std::error_code ignored;
    const auto size = fs::file_size(path, ignored);
    if (ignored || size > kLargestFile) return out;
    std::string text;
    try {
        text = read_file(path, kLargestFile);
    } catch (const Error&) {
        return out;  // unreadable is treated as missing: the caller notes it
    }
    if (text.find('\0') != std::string::npos) return out;
    for (std::string_view line : split(text, '\n')) {
        if (line.ends_with('\r')) line.remove_suffix(1);
        out.emplace_back(line);
    }
    if (!out.empty() && out.back().empty()) out.pop_back();
    return out;
}

}  // namespace

SourceText::SourceText(std::vector<std::string> directories) : directories_(std::move(directories)) {
    for (const std::string& directory : directories_) {
        std::error_code ignored;
        if (!fs::is_directory(directory, ignored))
            throw Error(ErrorKind::input, directory, "no such source directory",
                        "--source takes the directory that the program was built from");
    }
}

void SourceText::search_parents(const std::string& program) {
    constexpr std::size_t kMax = 8;  // build trees are not deeper
    std::error_code error;
    const bool theirs = reads_other_root();
    const fs::path path = theirs ? fs::path(root_->path_of(program)) : fs::canonical(program, error);
    if (error) return;
    const fs::path top = theirs ? root_->folder() : "";  // its own root, above which are folders of ours
    for (fs::path folder = path.parent_path(); folder != top && folder != folder.root_path() && above_program_.size() < kMax;
         folder = folder.parent_path())
        above_program_.push_back(folder.string());
}

void SourceText::index_directories() {
    by_name_.emplace();
    for (const std::string& directory : directories_) {
        std::error_code error;
        fs::recursive_directory_iterator entry(directory, fs::directory_options::skip_permission_denied, error), end;
        while (!error && entry != end && by_name_->size() < kMaxFiles) {
            const std::string name = entry->path().filename().string();
            std::error_code ignored;
            if (entry->is_directory(ignored) && (name.starts_with('.') || name == "node_modules"))
                entry.disable_recursion_pending();
            else if (entry->is_regular_file(ignored))
                by_name_->emplace(name, entry->path().string());
            entry.increment(error);
        }
    }
}

std::optional<std::string> SourceText::beside_user_code(const std::string& name) const {
    std::optional<std::string> found;
    for (const std::string& folder : user_folders_) {
        const std::string beside = (fs::path(folder) / name).string();
        if (!is_file(beside)) continue;
        if (found) return std::nullopt;
        found = beside;
    }
    return found;
}

const std::optional<std::string>& SourceText::locate(const std::string& file) {
    const auto [place, inserted] = located_.try_emplace(file);
    if (!inserted || file.empty()) return place->second;
    const std::vector<std::string> wanted = components(file);
    if (wanted.empty()) return place->second;

    for (const std::string& directory : directories_)
        for (std::size_t skip = 0; skip < wanted.size(); ++skip) {
            std::string path = directory;
            for (std::size_t i = skip; i < wanted.size(); ++i) path += "/" + wanted[i];
            if (is_file(path)) return place->second = path;
        }
    if (!directories_.empty()) {
        if (!by_name_) index_directories();
        std::size_t best = 0, ties = 0;
        std::string found;
        const auto [first, last] = by_name_->equal_range(wanted.back());
        for (auto candidate = first; candidate != last; ++candidate) {
            const std::size_t shared = shared_suffix(components(candidate->second), wanted);
            if (shared < best) continue;
            ties = shared == best ? ties + 1 : 0;
            best = shared;
            found = candidate->second;
        }
        if (best > 0 && ties == 0) return place->second = found;
    }
    if (directories_only_) return place->second;
    const std::string& path = root_ ? root_->path_of(file) : file;
    if (is_file(path)) return place->second = path;
    if (file.starts_with('/')) return place->second;
    // A name without a folder is ambiguous: every project has a main.cpp. Clang leaves it so of what is included from the same folder.
    const auto named = std::find_if(wanted.begin(), wanted.end(), [](const std::string& part) { return part != ".."; });
    if (wanted.end() - named < 2) return place->second = wanted.size() == 1 ? beside_user_code(wanted[0]) : std::nullopt;
    const std::string rest = fmt::format("/{}", fmt::join(named, wanted.end(), "/"));
    for (const std::string& folder : above_program_)
        if (is_file(folder + rest)) return place->second = folder + rest;
    return place->second;
}

const std::vector<std::string>& SourceText::lines(const std::string& file) {
    const auto [place, inserted] = lines_.try_emplace(file);
    if (inserted)
        if (const std::optional<std::string>& path = locate(file)) place->second = read_lines(*path);
    return place->second;
}

void SourceText::fill(LineReport& report) {
    std::set<std::string> missing;
    const auto text_of = [&](const std::string& file, std::uint32_t line, bool wanted) -> std::string {
        const std::vector<std::string>& text = lines(file);
        // "<frozen abc>", "<string>": code of Python that has no file.
        if (text.empty() && !file.empty() && wanted && !file.starts_with('<')) missing.insert(file);
        return line >= 1 && line <= text.size() ? text[line - 1] : std::string();
    };

    const auto add_user_file = [&](const std::string& file) {
        if (!file.starts_with('/')) return;
        if (const std::optional<std::string>& path = locate(file)) user_folders_.insert(fs::path(*path).parent_path().string());
    };
    for (const LineGrowth& growth : report.lines)
        if (growth.user_code) add_user_file(growth.at.file);
    for (const ResourceLine& line : report.resource_lines) add_user_file(line.at.file);
    for (LineGrowth& growth : report.lines)
        // The C library's source is usually not available.
        if (growth.at.line != 0) growth.source = text_of(growth.at.file, growth.at.line, growth.user_code || growth.leaking);
    if (report.headline && report.headline->line.at.line != 0)
        report.headline->line.source = text_of(report.headline->line.at.file, report.headline->line.at.line, true);
    for (ResourceLine& line : report.resource_lines)
        if (line.at.line != 0) line.source = text_of(line.at.file, line.at.line, true);
    for (LineTable& table : report.tables) {
        if (table.rows.empty()) continue;
        std::uint32_t first = table.rows.front().line, last = table.rows.back().line;
        for (const LineTable::Row& row : table.rows) {
            first = std::min(first, row.line);
            last = std::max(last, row.line);
        }
        const std::vector<std::string>& text = lines(table.file);
        if (text.empty()) {
            if (!table.file.empty() && !table.file.starts_with('<')) missing.insert(table.file);
            continue;
        }
        const bool python = table.file.ends_with(".py") || (text[0].starts_with("#!") && text[0].find("python") != std::string::npos);
        const auto find_extent = python ? python_function_extent : function_extent;
        if (const auto extent = find_extent(text, table.function, first)) {
            first = std::min(first, extent->first);
            last = std::max(last, extent->last);
        }
        std::map<std::uint32_t, LineTable::Row> rows;
        for (std::uint32_t line = first; line >= 1 && line <= last && line <= text.size(); ++line)
            rows[line] = {line, text_of(table.file, line, true), std::nullopt};
        for (const LineTable::Row& row : table.rows) {
            rows[row.line].line = row.line;
            rows[row.line].cells = row.cells;
        }
        table.rows.clear();
        for (auto& [line, row] : rows) table.rows.push_back(std::move(row));
    }

    if (directories_only_ && directories_.empty() && !missing.empty()) {
        report.warnings.push_back(
            "source code is not shown: the recording does not prove that it was made with the programs of this "
            "machine; give the source directory with --source DIR");
        return;
    }
    std::size_t noted = 0;
    for (const std::string& file : missing) {
        if (++noted > 5) {
            report.warnings.push_back(fmt::format("no source code for {} more files", missing.size() - 5));
            break;
        }
        report.warnings.push_back(fmt::format("no source code: {} was not found; give its directory with --source DIR", file));
    }
}

}  // namespace leakline::report
