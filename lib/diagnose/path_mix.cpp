#include "diagnose/internal/path_mix.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <random>

#include "replay/log_writer.hpp"
#include "replay/path_table.hpp"
#include "replay/selected_log.hpp"
#include "replay/wire.hpp"
#include "system/output_file.hpp"

namespace leakline::diagnose {

namespace {

constexpr std::uint64_t kMin = 5;
constexpr double kSmallestShare = 0.01;

// Keeps k of a stream of unknown length, each with the same chance (Vitter, 1985, algorithm R).
class Reservoir {
  public:
    void offer(Request request, std::mt19937_64& random) {
        ++seen_;
        if (kept_.size() < PathMix::kSamplesOfKind) {
            kept_.push_back(std::move(request));
        } else if (const std::uint64_t at = random() % seen_; at < kept_.size()) {
            kept_[at] = std::move(request);
        }
    }
    std::uint64_t seen() const { return seen_; }
    std::vector<Request> take() { return std::move(kept_); }

  private:
    std::uint64_t seen_ = 0;
    std::vector<Request> kept_;
};

}  // namespace

PathMix::PathMix(const replay::ReplayOptions& traffic, std::uint64_t first_generation) {
    if (traffic.fresh_plan) fresh_.emplace(*traffic.fresh_plan);
    replay::SelectedLog log(traffic);
    replay::PathTable table(traffic.variable_segments);
    std::vector<Reservoir> reservoirs;
    std::mt19937_64 random(1);
    std::uint64_t total = 0;
    while (auto request = log.next()) {
        ++total;
        const std::size_t kind = table.intern(request->method, log.sent_target());
        if (kind >= reservoirs.size()) reservoirs.resize(kind + 1);
        request->response.clear();  // no replay of the mix reads it
        reservoirs[kind].offer(std::move(*request), random);
    }
    std::vector<std::size_t> order(reservoirs.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return reservoirs[a].seen() > reservoirs[b].seen(); });
    for (const std::size_t kind : order) {
        const std::uint64_t seen = reservoirs[kind].seen();
        if (kinds_.size() == kMaxKinds || seen < kMin || static_cast<double>(seen) < kSmallestShare * static_cast<double>(total)) break;
        kinds_.push_back(table.names()[kind]);
        samples_.push_back(reservoirs[kind].take());
        for (Request& request : samples_.back()) {
            request.connection.clear();
            std::erase_if(request.headers, [](const auto& header) { return replay::is_connection_close(header.first, header.second); });
        }
        const std::vector<std::string>& recorded = traffic.keep_recorded;
        const bool kept = std::find(recorded.begin(), recorded.end(), kinds_.back()) != recorded.end();
        generations_.emplace_back(samples_.back().size(), fresh_ && !kept ? std::max<std::uint64_t>(first_generation, 1) : 0);
    }
}

std::vector<std::uint64_t> PathMix::write_block(int number, std::size_t size, const std::string& path) {
    std::mt19937_64 random(static_cast<std::uint64_t>(number) * 0x9e3779b97f4a7c15u + 1);
    // Independent shares, uniform from none to twice the even share: the widest spread that keeps the block's mean size.
    const double even = static_cast<double>(size) / static_cast<double>(kinds_.size());
    std::vector<std::uint64_t> counts;
    std::vector<std::uint16_t> order;
    for (std::size_t kind = 0; kind < kinds_.size(); ++kind) {
        const double share = std::uniform_real_distribution<double>(0, 2 * even)(random);
        counts.push_back(static_cast<std::uint64_t>(share + 0.5));
        order.insert(order.end(), counts.back(), static_cast<std::uint16_t>(kind));
    }
    if (order.empty()) {
        counts[0] = 1;
        order.push_back(0);
    }
    std::shuffle(order.begin(), order.end(), random);
    OutputFile file(path);
    replay::LogWriter writer(file);
    for (const std::uint16_t kind : order) {
        const std::size_t sample = random() % samples_[kind].size();
        std::uint64_t& generation = generations_[kind][sample];
        if (generation == 0) {
            writer.add(samples_[kind][sample]);
            continue;
        }
        Request request = samples_[kind][sample];
        fresh_->apply(request, generation++);
        writer.add(request);
    }
    writer.flush();
    file.commit();
    return counts;
}

}  // namespace leakline::diagnose
