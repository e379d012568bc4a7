// A cache that keeps the most recently used users, up to a number of records and a number of bytes.
// Both an append and a read of a user's events count as use. The user unused for longest is removed first, with all
// records; if one user alone is over a limit, that user's oldest records are removed. A record over the byte limit by itself is not
// kept.
// Bound, after every append: entries <= capacity and bytes <= the byte limit, exactly.
#include <list>
#include <map>

#include "base/quantities.hpp"
#include "service/event_cache.hpp"

namespace leakline::service {

namespace {

class Lru : public CacheMode {
  public:
    explicit Lru(const CacheLimits& limits) : capacity_(std::max<std::size_t>(1, limits.entries)), limit_(limits.bytes) {}

    void insert(CachedRecords one, Nanoseconds) override {
        CachedEvents& record = one.front();
        const auto found = index_.find(record.user_id);
        if (found != index_.end()) {
            users_.splice(users_.begin(), users_, found->second);
        } else {
            users_.push_front(User{std::move(record.user_id), {}});
            index_.emplace(users_.front().id, users_.begin());
            held_ += user_cost(users_.front());
        }
        User& user = users_.front();
        held_ += record_cost(record.events);
        ++entries_;
        user.records.push_back(std::move(record.events));
        while (users_.size() > 1 && over()) drop_last_user();
        while (!user.records.empty() && over()) drop_oldest_record(user);
        if (user.records.empty()) drop_last_user();
    }

    void collect(const std::string& user_id, Nanoseconds, std::vector<std::string>& out) override {
        const auto found = index_.find(user_id);
        if (found == index_.end()) return;
        users_.splice(users_.begin(), users_, found->second);
        for (const Events& events : users_.front().records) out.insert(out.end(), events.begin(), events.end());
    }

    std::size_t sweep(Nanoseconds) override { return 0; }
    std::size_t entries() const override { return entries_; }
    Bytes bytes() const override { return held_; }

  private:
    using Events = std::vector<std::string>;
    struct User {
        std::string id;
        std::list<Events> records;  // oldest first
    };
    // A tree and not a hash table: its memory is one node per user, which is freed with the user, so the byte limit is exact.
    using Index = std::map<std::string_view, std::list<User>::iterator>;

    static constexpr Bytes kListLinks = 2 * sizeof(void*);
    static constexpr Bytes kTreeLinks = 4 * sizeof(void*);  // color, parent, left, right

    static Bytes user_cost(const User& user) {
        return kListLinks + sizeof(User) + heap_bytes(user.id) + kTreeLinks + sizeof(Index::value_type);
    }
    static Bytes record_cost(const Events& events) { return kListLinks + sizeof(Events) + heap_bytes(events); }

    bool over() const { return entries_ > capacity_ || held_ > limit_; }

    void drop_oldest_record(User& user) {
        held_ -= record_cost(user.records.front());
        --entries_;
        user.records.pop_front();
    }

    void drop_last_user() {
        User& user = users_.back();
        while (!user.records.empty()) drop_oldest_record(user);
        held_ -= user_cost(user);
        index_.erase(user.id);  // before the text that the key looks at
        users_.pop_back();
    }

    const std::size_t capacity_;
    const Bytes limit_;
    std::list<User> users_;  // used last first
    Index index_;
    std::size_t entries_ = 0;
    Bytes held_ = 0;
};

}  // namespace

std::unique_ptr<CacheMode> make_lru(const CacheLimits& limits) { return std::make_unique<Lru>(limits); }

}  // namespace leakline::service
