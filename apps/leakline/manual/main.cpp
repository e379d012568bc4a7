// leakline_manual DIR: writes the man pages and the completion of shells to DIR, laid out as PREFIX/share. Run by the build.
#include <CLI/CLI.hpp>
#include <filesystem>

#include "manual.hpp"
#include "print_error.hpp"
#include "system/output_file.hpp"

namespace {

void write(const std::filesystem::path& path, const std::string& text) {
    std::filesystem::create_directories(path.parent_path());
    leakline::OutputFile file(path);
    file.write(text);
    file.commit();
}

}  // namespace

int main(int argc, char** argv) {
    using namespace leakline;
    if (argc != 2) {
        print_error("usage: leakline_manual DIR\n");
        return 2;
    }
    try {
        const std::filesystem::path folder = argv[1];
        cli::CommandLine line;
        write(folder / "man/man1/leakline.1", cli::man_page(line.app()));
        for (const auto& command : line.commands())
            write(folder / "man/man1" / ("leakline-" + command.app->get_name() + ".1"), cli::command_man_page(*command.app));
        write(folder / "bash-completion/completions/leakline", cli::bash_completion(line.app()));
        write(folder / "zsh/site-functions/_leakline", cli::zsh_completion(line.app()));
        write(folder / "fish/vendor_completions.d/leakline.fish", cli::fish_completion(line.app()));
        return 0;
    } catch (const std::exception& error) {
        print_error("leakline_manual: {}\n", error.what());
        return 4;
    }
}
