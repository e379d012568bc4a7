#include "commands.hpp"

#include <vector>

namespace leakline::cli {

std::span<const CommandRow> commands() {
    static const std::vector<CommandRow> table = {};
    return table;
}

}  // namespace leakline::cli
