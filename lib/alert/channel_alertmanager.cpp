// Alertmanager's API v2: POST /api/v2/alerts with a list of alerts. The labels make an alert the same alert; endsAt in
// the past resolves it, and while it fires endsAt lies beyond the next repetition, so that Alertmanager does not resolve
// it for lack of updates (https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml).
#include <nlohmann/json.hpp>

#include "alert/internal/alert.hpp"
#include "base/quantities.hpp"
#include "base/time_text.hpp"

namespace leakline::alert {

namespace {

constexpr Nanoseconds kResolvedAfter = std::chrono::hours(24);

class Alertmanager : public Channel {
  public:
    explicit Alertmanager(const ChannelSpec& spec) : base_(address_of(spec)), authorization_(authorization_of(spec)) {
        while (base_.ends_with('/')) base_.pop_back();
    }
    void send(const Alert& alert, const std::stop_token&) override {
        const Nanoseconds ends = alert.kind == Kind::resolved ? alert.at : alert.at + kResolvedAfter;
        const nlohmann::json alerts = nlohmann::json::array({{
            {"labels", {{"alertname", "MemoryNearLimit"}, {"source", alert.source}, {"severity", "warning"}}},
            {"annotations", {{"summary", alert.summary()}}},
            {"startsAt", format_utc_time(alert.since)},
            {"endsAt", format_utc_time(ends)},
        }});
        post_json(base_ + "/api/v2/alerts", authorization_, alerts.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    }
    std::string describe() const override { return "alertmanager " + origin_of(base_); }

  private:
    std::string base_;
    const std::string authorization_;
};

}  // namespace

std::unique_ptr<Channel> make_alertmanager_channel(const ChannelSpec& spec) { return std::make_unique<Alertmanager>(spec); }

}  // namespace leakline::alert
