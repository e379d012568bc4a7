// Runs a fuzz target without libFuzzer: over every file of the corpus folders given, then over seeded mutations of
// each (cut, flipped, duplicated and overwritten bytes), so that every ctest run has inputs beyond the corpus.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr int kMutationsPerFile = 300;

void run(const std::string& input) {
    // An exact-size copy, so that the address sanitizer sees a read past the end. As with libFuzzer, an empty one is not null.
    const auto copy = std::make_unique<std::uint8_t[]>(input.size());
    std::copy(input.begin(), input.end(), copy.get());
    LLVMFuzzerTestOneInput(copy.get(), input.size());
}

std::string mutate(std::string input, std::mt19937_64& random) {
    const int changes = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < changes && !input.empty(); ++i) {
        const std::size_t at = random() % input.size();
        switch (random() % 5) {
            case 0: input.resize(at); break;
            case 1: input[at] = static_cast<char>(input[at] ^ (1 << (random() % 8))); break;
            case 2: input[at] = static_cast<char>(random()); break;
            case 3: input.insert(at, input.substr(at, random() % 64)); break;
            default: input.erase(at, random() % 16); break;
        }
    }
    return input;
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t files = 0, runs = 0;
    std::mt19937_64 random(20240607);
    run("");
    for (int i = 1; i < argc; ++i) {
        if (!std::filesystem::exists(argv[i])) {
            std::fprintf(stderr, "%s: no such corpus\n", argv[i]);
            return 1;
        }
        for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
            if (!entry.is_regular_file()) continue;
            std::ifstream file(entry.path(), std::ios::binary);
            const std::string input{std::istreambuf_iterator<char>(file), {}};
            run(input);
            ++files;
            for (int k = 0; k < kMutationsPerFile; ++k, ++runs) run(mutate(input, random));
        }
    }
    std::printf("%zu files, %zu mutations\n", files, runs);
    return files == 0 ? 1 : 0;
}
