#include "manual.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cctype>

#include "base/strings.hpp"
#include "help_formatter.hpp"
#include "leakline/exit_code.hpp"

namespace leakline::cli {

namespace {

// Escapes text for roff, which prints "-" as a hyphen that cannot be searched for or copied, and takes a line that begins with a dot for a
// command.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n'))
            out += std::string("\\&") + c;
        else
            out += c;
    }
    return out;
}

// Without hyphens at line ends, which options would seem to hold, and with a ragged margin: long words leave gaps else.
std::string heading(const std::string& name, const std::string& summary) {
    std::string title = name;
    for (char& c : title) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return fmt::format(".TH {} 1 \"\" \"leakline {}\" \"leakline manual\"\n.nh\n.ad l\n.SH NAME\n{} \\- {}\n", escaped(title),
                       LEAKLINE_VERSION, escaped(name), escaped(summary));
}

// A paragraph with a hanging label. The further lines of a description list values: each is a line.
std::string entry(const std::string& label, std::string_view text) {
    std::string out = ".TP\n\\fB" + escaped(label) + "\\fR\n";
    bool first = true;
    for (const std::string_view line : split(text, '\n')) {
        out += (first ? "" : ".br\n") + escaped(line) + "\n";
        first = false;
    }
    return out;
}

std::string arguments(const CLI::App& command) {
    std::string out;
    for (const CLI::Option* option : command.get_options([](const CLI::Option* one) { return one->get_positional(); }))
        out += entry(positional_name(*option), option_text(*option));
    return out.empty() ? out : ".SH ARGUMENTS\n" + out;
}

std::string options(const CLI::App& app) {
    std::string out = ".SH OPTIONS\n";
    const std::vector<OptionGroup> groups = option_groups(app);
    for (const OptionGroup& group : groups) {
        if (groups.size() > 1) out += ".SS " + escaped(group.title) + "\n";
        for (const CLI::Option* option : group.options) out += entry(option_names(*option), option_text(*option));
    }
    return out;
}

std::string exit_status() {
    std::string out = ".SH EXIT STATUS\n";
    for (const ExitCodeMeaning& row : kExitCodeMeanings) out += entry(row.code, row.meaning);
    return out;
}

}  // namespace

std::string man_page(const CLI::App& app) {
    std::string text =
        heading("leakline", app.get_description()) + ".SH SYNOPSIS\n\\fBleakline\\fR " + escaped(usage_words(app)) +
        " ...\n.SH DESCRIPTION\nleakline replays traffic against a service, analyzes its memory, reports the source line that "
        "leaks, and verifies fixes.\nEach command has a manual page of its own.\n.SH COMMANDS\n";
    std::string others;
    for (const CLI::App* command : commands_of(app)) {
        text += entry(command->get_name(), command->get_description());
        others += fmt::format("{}.BR leakline\\-{} (1)", others.empty() ? "" : ",\n", command->get_name());
    }
    return text + options(app) + exit_status() + ".SH SEE ALSO\n" + others + "\n";
}

std::string command_man_page(const CLI::App& command) {
    const std::string& name = command.get_name();
    std::string text = heading("leakline-" + name, command.get_description()) + ".SH SYNOPSIS\n\\fBleakline " + name + "\\fR " +
                       escaped(usage_words(command)) + "\n" + arguments(command) + options(command);
    const std::string footer = command.get_footer();
    if (const std::size_t begin = footer.find('\n'); begin != std::string::npos)
        text += ".SH EXAMPLE\n.EX\n" + escaped(trim(std::string_view(footer).substr(begin))) + "\n.EE\n";
    return text + exit_status() + ".SH SEE ALSO\n.BR leakline (1)\n";
}

}  // namespace leakline::cli
