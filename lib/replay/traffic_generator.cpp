#include "replay/traffic_generator.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <iterator>
#include <numbers>

#include "replay/log_writer.hpp"
#include "system/output_file.hpp"

namespace leakline::replay {

namespace {

constexpr double kDay = 24 * 3600.0;
constexpr double kQuietest = 4 * 3600.0;  // second of the day
constexpr double kSwing = 0.7;            // rate(t) = mean x (1 - kSwing cos(2 pi (t - quietest) / day))

// Traffic expected from the quietest moment until t seconds after it, in seconds at the mean rate: the integral of the
// rate above.
double expected_until(double t) { return t - kSwing * kDay / (2 * std::numbers::pi) * std::sin(2 * std::numbers::pi * t / kDay); }

// The t in [from, to] with expected_until(t) == value, by bisection: the function only rises.
double time_of(double value, double from, double to) {
    for (int step = 0; step < 60; ++step) {
        const double middle = (from + to) / 2;
        (expected_until(middle) < value ? from : to) = middle;
    }
    return from;
}

constexpr std::array<std::string_view, 6> kPages = {
    "/", "/search", "/products/{}", "/cart", "/account/orders/{}", "/categories/outdoor/{}"};
constexpr std::array<std::string_view, 4> kReferrers = {"https://www.example.com/", "https://search.example.org/?q=lightweight+tent",
                                                        "https://news.example.net/reviews/2024/best-camping-gear-of-the-year",
                                                        "android-app://com.example.shop/home"};
constexpr std::array<std::string_view, 4> kAgents = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
    "ExampleShop/8.2.1 (Android 14; Pixel 8; de_DE)"};
constexpr std::array<std::string_view, 12> kWords = {"tent",  "sleeping bag", "stove",     "headlamp", "rucksack", "rope",
                                                     "Jacke", "Wanderschuhe", "trail mix", "compass",  "dry bag",  "poles"};

std::string_view event_type(std::uint64_t percentile) {
    if (percentile < 45) return "page_view";
    if (percentile < 75) return "click";
    if (percentile < 88) return "search";
    return percentile < 97 ? "add_to_cart" : "purchase";
}

}  // namespace

std::uint64_t TrafficGenerator::Random::next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15U;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9U;
    z = (z ^ z >> 27) * 0x94D049BB133111EBU;
    return z ^ z >> 31;
}

double TrafficGenerator::Random::unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

std::uint64_t TrafficGenerator::Random::below(std::uint64_t bound) {
    return static_cast<std::uint64_t>(unit() * static_cast<double>(bound));
}

const Request* TrafficGenerator::next() {
    if (made_ == options_.requests) return nullptr;
    // Of n points spread uniformly over the rest, the first is at 1 - u^(1/n): this gives n sorted points one by one.
    const auto left = static_cast<double>(options_.requests - made_);
    progress_ += (1 - progress_) * (1 - std::pow(1 - random_.unit(), 1 / left));
    ++made_;

    const double start = static_cast<double>(options_.start.count()) / 1e9;
    const double from = std::fmod(start, kDay) - kQuietest;
    const double length = static_cast<double>(options_.duration.count()) / 1e9;
    const double behind = expected_until(from), ahead = expected_until(from + length);
    const double at = time_of(behind + progress_ * (ahead - behind), from, from + length) - from;
    request_.at = options_.start + Nanoseconds(static_cast<std::int64_t>(at * 1e9));
    request_.method = "POST";
    request_.target = "/api/track";
    if (request_.headers.empty()) request_.headers = {{"Content-Type", "application/json"}};
    write_body(request_.body);
    request_.source_line = made_;
    return &request_;
}

void TrafficGenerator::write_body(std::string& body) {
    // The square prefers low numbers: the busiest tenth of the users sends about a third of the requests.
    const double rank = random_.unit() * random_.unit();
    const auto user = static_cast<std::uint64_t>(rank * static_cast<double>(options_.users));
    body.clear();
    fmt::format_to(std::back_inserter(body), R"({{"user_id":"user_{:05}","events":[)", user);
    const std::uint64_t events = 1 + random_.below(4);
    for (std::uint64_t i = 0; i < events; ++i) {
        if (i > 0) body += ',';
        write_event(body, user);
    }
    body += "]}";
}

// Random numbers are drawn one statement at a time: the order in which a compiler evaluates arguments is unspecified,
// and the log must not depend on it.
void TrafficGenerator::write_event(std::string& body, std::uint64_t user) {
    const auto out = std::back_inserter(body);
    const auto one_of = [&](const auto& choices) { return choices[random_.below(choices.size())]; };
    const auto between = [&](std::uint64_t low, std::uint64_t high) { return low + random_.below(high - low); };

    const std::int64_t milliseconds = request_.at.count() / 1'000'000 - static_cast<std::int64_t>(random_.below(5000));
    const std::string_view type = event_type(random_.below(100));
    const std::string_view page = one_of(kPages);
    const std::string path = fmt::format(fmt::runtime(page), random_.below(40'000));
    const std::string_view referrer = one_of(kReferrers);
    const std::uint64_t session = user * 0x9E3779B97F4A7C15U + static_cast<std::uint64_t>(milliseconds / 1'800'000);
    fmt::format_to(out, R"({{"type":"{}","client_ms":{},"session":"{:016x}","page":"{}","referrer":"{}","agent":"{}")", type, milliseconds,
                   session, path, referrer, kAgents[user % kAgents.size()]);
    if (type == "page_view") {
        const std::uint64_t load_ms = between(120, 2520), width = between(360, 1960), height = between(640, 1440);
        const std::string_view first = one_of(kWords), second = one_of(kWords);
        fmt::format_to(out, R"(,"load_ms":{},"viewport":[{},{}],"title":"Everything for outside: {}, {} and more")", load_ms, width, height,
                       first, second);
    } else if (type == "click") {
        const std::uint64_t item = between(1, 49), x = between(0, 1400), y = between(0, 5000);
        fmt::format_to(out, R"(,"target":"#product-list > li:nth-child({}) > a.card","x":{},"y":{})", item, x, y);
    } else if (type == "search") {
        const std::string_view first = one_of(kWords), second = one_of(kWords);
        const std::uint64_t results = between(0, 500), price = between(10, 410);
        fmt::format_to(out, R"(,"query":"{} {}","results":{},"filters":{{"price_max":{},"in_stock":true,"brand":null}})", first, second,
                       results, price);
    } else {
        body += R"(,"items":[)";
        const std::uint64_t items = between(1, 5);
        for (std::uint64_t i = 0; i < items; ++i) {
            const std::uint64_t sku = between(0, 100'000'000), quantity = between(1, 4), cents = between(500, 40'500);
            const std::string_view name = one_of(kWords);
            fmt::format_to(out, R"({}{{"sku":"SKU-{:08}","name":"{}","quantity":{},"price":{}.{:02}}})", i > 0 ? "," : "", sku, name,
                           quantity, cents / 100, cents % 100);
        }
        body += R"(],"currency":"EUR")";
    }
    body += '}';
}

void write_traffic(const TrafficOptions& options, OutputFile& file, const std::function<void(std::uint64_t)>& on_part,
                   const std::stop_token& stop) {
    TrafficGenerator generator(options);
    std::uint64_t made = 0;
    LogWriter writer(file);
    while (const Request* request = generator.next()) {
        ++made;
        if (!writer.add(*request)) continue;
        if (stop.stop_requested()) return;
        if (on_part) on_part(made);
    }
    writer.flush();
}

}  // namespace leakline::replay
