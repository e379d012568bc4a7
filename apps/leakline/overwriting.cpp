#include "overwriting.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "system/descriptor_name.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <utility>

namespace leakline::cli {

namespace {

using Identity = std::pair<dev_t, ino_t>;

std::optional<Identity> identity_of(const struct stat& status) {
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) return std::nullopt;
    return Identity(status.st_dev, status.st_ino);
}

std::optional<Identity> identity_of(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? identity_of(status) : std::nullopt;
}

std::optional<Identity> identity_of(int descriptor) {
    struct stat status {};
    return ::fstat(descriptor, &status) == 0 ? identity_of(status) : std::nullopt;
}

}  // namespace

void refuse_to_overwrite(const std::vector<std::string>& outputs, const std::vector<std::string>& inputs) {
    const std::optional<Identity> standard_output = identity_of(STDOUT_FILENO);
    for (const std::string& output : outputs) {
        const std::optional<Identity> written = output == "-" ? standard_output : identity_of(output);
        if (!written) continue;
        for (const std::string& input : inputs) {
            if (written != (input == "-" ? identity_of(STDIN_FILENO) : identity_of(input))) continue;
            const std::string what = input == "-" ? "standard input" : input == output ? "the input" : "the input " + printable(input);
            throw Error(ErrorKind::usage, output, fmt::format("is {}, which would be overwritten", what),
                        "name another file for the output");
        }
        // Written as a descriptor both share one position; as a name the one would replace the other.
        if (written == standard_output && !descriptor_to_write(output))
            throw Error(ErrorKind::usage, output, "is also the file that standard output is redirected to", "name another file");
    }
}

}  // namespace leakline::cli
