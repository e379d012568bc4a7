#include "version.hpp"

#include "commit.hpp"

namespace leakline::cli {

std::string version_text() {
    const std::string commit = LEAKLINE_COMMIT, features = LEAKLINE_FEATURES;
    return "leakline " LEAKLINE_VERSION + (commit.empty() ? "" : " (commit " + commit + ")") +
           "\nfeatures: " + (features.empty() ? "none" : features);
}

}  // namespace leakline::cli
