#include "heap/internal/raw_events.hpp"
#include "base/strings.hpp"
#include "heap/internal/live_bytes.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace leakline;
using heap::Processor;
using heap::RawEvent;

namespace {

const Processor kProcessors[] = {Processor::any, Processor::this_one};

struct Taken {
    std::size_t bytes = 0;
    std::vector<RawEvent> events;
};
// text with what stands around it in a LineBuffer: anything.
Taken take(const std::string& text, std::uint32_t traces, Processor processor, char around, std::size_t free_space = 1000) {
    const std::string margin(64, around), padded = margin + text + margin;
    const char* const begin = padded.data() + margin.size();
    const char* line = begin;
    Taken taken;
    taken.events.resize(free_space);
    taken.events.resize(heap::RawEvents(processor).take(line, begin + text.size(), traces, taken.events.data(), free_space));
    taken.bytes = static_cast<std::size_t>(line - begin);
    return taken;
}

// The same by the rules alone, a character at a time.
std::optional<std::uint64_t> number(std::string_view digits) {
    if (digits.empty() || digits.size() > 16) return std::nullopt;
    std::uint64_t value = 0;
    for (const char c : digits) {
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return std::nullopt;
        value = value * 16 + static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return value;
}
std::optional<RawEvent> event(std::string_view line, std::uint32_t traces) {
    const auto fields = split(line, ' ');
    if (fields[0] == "-" && fields.size() == 2) {
        const auto address = number(fields[1]);
        if (address && *address != 0) return RawEvent{*address, 0, 0};
    } else if (fields[0] == "+" && fields.size() == 4) {
        const auto size = number(fields[1]), trace = number(fields[2]), address = number(fields[3]);
        if (size && trace && address && *address != 0 && *trace < traces && *size < heap::kLargestBlock)
            return RawEvent{*address, *size, static_cast<std::uint32_t>(*trace) + 1};
    }
    return std::nullopt;
}
Taken expected(const std::string& text, std::uint32_t traces) {
    Taken out;
    while (out.bytes < text.size()) {
        const std::size_t end = text.find('\n', out.bytes);
        const auto one = event(std::string_view(text).substr(out.bytes, end - out.bytes), traces);
        if (!one) break;
        out.events.push_back(*one);
        out.bytes = end + 1;
    }
    return out;
}

void check_same(const Taken& taken, const Taken& wanted) {
    CHECK(taken.bytes == wanted.bytes);
    REQUIRE(taken.events.size() == wanted.events.size());
    for (std::size_t i = 0; i < wanted.events.size(); ++i) {
        CHECK(taken.events[i].address == wanted.events[i].address);
        CHECK(taken.events[i].trace == wanted.events[i].trace);
        if (wanted.events[i].trace != 0) CHECK(taken.events[i].size == wanted.events[i].size);
    }
}

class Lines {
  public:
    explicit Lines(unsigned seed) : random_(seed) {}
    std::string line() {
        if (random_() % 2 == 0) return fmt::format("- {:x}\n", digits(16));
        return fmt::format("+ {:x} {:x} {:x}\n", digits(11), digits(7), digits(16));
    }
    std::mt19937_64& random() { return random_; }

  private:
    std::uint64_t digits(unsigned most) { return std::max<std::uint64_t>(random_() >> (64 - 4 * (random_() % most + 1)), 1); }
    std::mt19937_64 random_;
};

constexpr std::uint32_t kTraces = 0x10000000;

}  // namespace

TEST_CASE("events with numbers of every length are read as they were written, whatever the processor and whatever stands around") {
    Lines lines(11);
    for (int i = 0; i < 300; ++i) {
        std::string text;
        for (int k = 0; k < 40; ++k) text += lines.line();
        const Taken wanted = expected(text, kTraces);
        REQUIRE(wanted.events.size() == 40);
        for (const Processor processor : kProcessors)
            for (const char around : {'f', '\n', ' ', '\0'}) check_same(take(text, kTraces, processor, around), wanted);
    }
}

TEST_CASE("no event is read out of a line with one byte changed, unless that line says it") {
    Lines lines(12);
    const std::string bytes = "0fg/: +-\n`aA\x80\xff";
    for (int i = 0; i < 20000; ++i) {
        std::string text = lines.line() + lines.line() + lines.line();
        text[lines.random()() % (text.size() - 1)] = bytes[lines.random()() % bytes.size()];
        CAPTURE(text);
        const Taken wanted = expected(text, 0x1000);
        for (const Processor processor : kProcessors) check_same(take(text, 0x1000, processor, '7'), wanted);
    }
}

TEST_CASE("taking stops where there is no more room, and goes on from there") {
    const std::string text = "+ 10 1 7f00\n- 7f00\n+ 20 0 7f10\n";
    for (const Processor processor : kProcessors) {
        const Taken taken = take(text, 2, processor, '7', 2);
        CHECK(taken.events.size() == 2);
        CHECK(taken.bytes == text.find("+ 20"));
        CHECK(take(text, 2, processor, '7', 0).bytes == 0);
        CHECK(take(text, 1, processor, '7').bytes == 0);  // trace 1 is not there yet
    }
}
