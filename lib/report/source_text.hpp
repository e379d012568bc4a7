// Source text from disk for the lines of a report. The only part of this folder that reads files; it renders
// nothing.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/lines.hpp"
#include "system/process_root.hpp"

namespace leakline::report {

// Finds the files that debug info names. A path is looked for under each directory, longest suffix first
// (/build/src/a/b.cpp: DIR/build/src/a/b.cpp, ... DIR/b.cpp), then anywhere below the directories by name and
// as many parent folders as match (a tie is not resolved), then as it stands. A relative path (as ccache's base_dir and
// -fdebug-prefix-map leave it) is looked for in the folders above the program as well, nearest first; a mere name beside the files of
// user code that fill() has seen, if only one of their folders has it.
class SourceText {
  public:
    // Directories that do not exist: Error{input}.
    explicit SourceText(std::vector<std::string> directories = {});

    // program: a path; where there is no such file nothing is added. Before the first locate.
    void search_parents(const std::string& program);

    // Absolute paths are those of this process, if it sees other files than we do. Before the first locate.
    void search_root_of(int pid) { root_.emplace(pid); }
    bool reads_other_root() const { return root_ && !root_->is_ours(); }

    // Only the directories are looked into: the files are named by a recording that may come from elsewhere, and a path that
    // it makes up could be that of any file here. Before the first locate.
    void trust_directories_only() { directories_only_ = true; }

    // Where file was found; nothing where it was not.
    const std::optional<std::string>& locate(const std::string& file);
    // What locate() was asked for so far, and what it found.
    const std::map<std::string, std::optional<std::string>>& located() const { return located_; }
    // The lines of file, without their ends; empty where it was not found or is not text (over 64 MiB, holds
    // NUL).
    const std::vector<std::string>& lines(const std::string& file);

    // Puts text into lines and tables. Tables grow to the whole function where its extent can be told from
    // the text. A file that is missing leaves its texts empty and one note in report.warnings.
    void fill(LineReport& report);

  private:
    void index_directories();
    std::optional<std::string> beside_user_code(const std::string& name) const;

    std::vector<std::string> directories_;
    std::optional<ProcessRoot> root_;
    std::vector<std::string> above_program_;  // nearest first
    bool directories_only_ = false;
    std::optional<std::multimap<std::string, std::string>> by_name_;  // file name -> path, made at first need
    std::map<std::string, std::optional<std::string>> located_;
    std::set<std::string> user_folders_;
    std::map<std::string, std::vector<std::string>> lines_;
};

// The lines [first, last] of the function called name (bare or qualified) that holds line, all 1-based;
// nullopt if the text does not show it. Knows C and C++ comments, strings and braces, not the preprocessor.
struct FunctionExtent {
    std::uint32_t first = 0, last = 0;
};
std::optional<FunctionExtent> function_extent(const std::vector<std::string>& lines, const std::string& name, std::uint32_t line);
// The same of Python's text, decorators included. name: with or without its class and the functions around it.
std::optional<FunctionExtent> python_function_extent(const std::vector<std::string>& lines, const std::string& name, std::uint32_t line);

}  // namespace leakline::report
