// The layout of --help, of both programs. CLI11's own breaks no long lines, shows types twice ("INT:INT in [4
// - 10000]") and heads option groups with "[Option Group: x]".
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace leakline::cli {

class HelpFormatter : public CLI::Formatter {
  public:
    HelpFormatter();

    std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;

  protected:
    std::string make_usage(const CLI::App* app, std::string name) const override;
    std::string make_group(std::string group, bool is_positional, std::vector<const CLI::Option*> options) const override;
    std::string make_expanded(const CLI::App* group) const override;
    std::string make_subcommand(const CLI::App* command) const override;
};

// Help and version options in our words, and the layout.
void set_up_help(CLI::App& app, const std::string& version);

}  // namespace leakline::cli
