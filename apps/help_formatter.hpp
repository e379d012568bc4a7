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

// The parts of a help text, which man pages and the completion of shells are made of too.
std::string option_names(const CLI::Option& option);  // "-o, --output FILE"
std::string option_text(const CLI::Option& option);   // the description, with "(repeatable; default: 8)" behind its first line
std::string option_type(const CLI::Option& option);   // "FILE"; "" of a flag
std::vector<std::string> option_choices(const CLI::Option& option);  // the words that it takes (choice.hpp); none: any value
std::string positional_name(const CLI::Option& option);              // "LOG..."
std::string usage_words(const CLI::App& app);                        // "[OPTIONS] LOG... [-- CMD ARG...]"
std::vector<const CLI::App*> commands_of(const CLI::App& app);       // without option groups, which are sub-apps too
struct OptionGroup {
    std::string title;
    std::vector<const CLI::Option*> options;
};
std::vector<OptionGroup> option_groups(const CLI::App& app);  // of a command, and of the groups in it, as --help orders them

// Help and version options in our words, and the layout.
void set_up_help(CLI::App& app, const std::string& version);

}  // namespace leakline::cli
