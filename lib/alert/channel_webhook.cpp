// POSTs Alert::json() to an address.
#include "alert/internal/alert.hpp"

namespace leakline::alert {

namespace {

class Webhook : public Channel {
  public:
    explicit Webhook(const ChannelSpec& spec) : url_(address_of(spec)), authorization_(authorization_of(spec)) {}
    void send(const Alert& alert, const std::stop_token&) override { post_json(url_, authorization_, alert.json()); }
    std::string describe() const override { return "webhook " + origin_of(url_); }

  private:
    const std::string url_, authorization_;
};

}  // namespace

std::unique_ptr<Channel> make_webhook_channel(const ChannelSpec& spec) { return std::make_unique<Webhook>(spec); }

}  // namespace leakline::alert
