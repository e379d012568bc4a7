// Nineteen ways for a C++ service to keep what requests bring, and as many bounded ones. "finds RULE" is behind the declaration
// of what has to be reported; nothing else may be.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <queue>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

struct Request {
    std::string user, body;
    int kind = 0;
};

std::vector<std::string> g_log;              // finds unbounded-growth
static std::deque<Request> g_recent;         // finds unbounded-growth
std::map<std::string, Request> g_by_user;    // finds unbounded-growth
std::unordered_map<std::string, int> g_ids;  // finds unbounded-growth
std::set<std::string> g_seen;                // finds unbounded-growth
std::multimap<std::string, int> g_multi;     // finds unbounded-growth
std::string g_text;                          // finds unbounded-growth
std::queue<Request> g_queue;                 // finds unbounded-growth
thread_local std::vector<int> t_sizes;       // finds unbounded-growth
std::list<std::unique_ptr<Request>> g_kept;  // finds unbounded-growth
std::ostringstream g_stream;                 // finds unbounded-growth

class Registry {
  public:
    static Registry& instance() {
        static Registry registry;
        return registry;
    }
    void add(std::function<void()> callback) { callbacks_.push_back(std::move(callback)); }
    void note(const std::string& key) { counts_[key]++; }

  private:
    std::vector<std::function<void()>> callbacks_;  // finds unbounded-growth
    std::map<std::string, int> counts_;             // finds unbounded-growth
};

class Store {
  public:
    void keep(const Request& r) { per_user_[r.user].push_back(r.body); }
    void keep_by_reference(const Request& r) {
        auto& entry = by_reference_[r.user];
        entry.push_back(r.body);
    }
    void resize_up() { sizes_.resize(sizes_.size() + 1); }
    void copy(const std::vector<int>& from) { std::copy(from.begin(), from.end(), std::back_inserter(copied_)); }
    // bounded ones
    void bounded(const Request& r) {
        if (bounded_.size() >= 100) bounded_.pop_front();
        bounded_.push_back(r.body);
    }
    void guarded(const Request& r) {
        if (guarded_.size() < 100) guarded_.push_back(r.body);
    }
    void early(const Request& r) {
        if (early_.size() == kMost) return;
        early_.push_back(r.body);
    }
    bool full() const { return checked_.size() > 100; }
    void checked(const Request& r) {
        if (full()) return;
        checked_.push_back(r.body);
    }
    void literal() { literal_["requests"]++; }
    void through_alias(const Request& r) {
        auto& list = aliased_;
        list.push_back(r.body);
        if (r.kind == 3) {
            auto* p = &aliased_;
            p->clear();
        }
    }
    void by_iterator(const Request& r) {
        iterated_[r.user] = 1;
        auto it = iterated_.find(r.user);
        iterated_.erase(it);
    }
    std::vector<int>& open() { return opened_; }
    void open_add() { opened_.push_back(1); }
    void swapped(const Request& r) {
        swapped_.push_back(r.body);
        if (r.kind == 1) {
            std::vector<std::string> out;
            out.swap(swapped_);
        }
    }
    void moved(const Request& r) {
        moved_.push_back(r.body);
        if (r.kind == 1) {
            auto out = std::move(moved_);
        }
    }
    void metric(const std::string& name) { metrics_[name]++; }
    void by_kind(int kind) { kinds_[static_cast<Kind>(kind)]++; }
    explicit Store(int n) {
        for (int i = 0; i < n; ++i) table_.push_back(i);
    }

  private:
    enum class Kind { a, b };
    static constexpr std::size_t kMost = 10;
    std::map<std::string, std::vector<std::string>> per_user_;      // finds unbounded-growth
    std::map<std::string, std::vector<std::string>> by_reference_;  // finds unbounded-growth
    std::vector<int> sizes_;                                        // finds unbounded-growth
    std::vector<int> copied_;                                       // finds unbounded-growth
    std::vector<int> table_;
    std::deque<std::string> bounded_;
    std::vector<std::string> guarded_, early_, checked_, aliased_, swapped_, moved_;
    std::map<std::string, int> literal_, iterated_, metrics_;
    std::vector<int> opened_;
    std::map<Kind, int> kinds_;
};

struct Node {
    std::unique_ptr<Node> next;
    std::string text;
};
std::unique_ptr<Node> g_list;  // finds unbounded-growth
std::set<int> g_active;        // finds removal-skipped
std::mutex g_mutex;

static void keep_node(const std::string& text) {
    auto node = std::make_unique<Node>();
    node->text = text;
    node->next = std::move(g_list);
    g_list = std::move(node);
}

static void fill(std::list<std::unique_ptr<Request>>& into, const Request& r) { into.push_back(std::make_unique<Request>(r)); }

static bool work(int id, const Request& r) {
    g_active.insert(id);
    if (r.body.empty()) return false;
    g_active.erase(id);
    return true;
}

static void handle(Store& store, const Request& r) {
    g_log.push_back(r.body);
    g_recent.push_back(r);
    g_by_user[r.user] = r;
    g_ids.emplace(r.user, 1);
    g_seen.insert(r.user);
    g_multi.insert({r.user, 1});
    g_text += r.body;
    g_queue.push(r);
    t_sizes.push_back(1);
    fill(g_kept, r);
    g_stream << r.body;
    Registry::instance().add([] {});
    Registry::instance().note(r.user);
    store.keep(r);
    store.keep_by_reference(r);
    store.resize_up();
    store.copy({1, 2});
    keep_node(r.body);
    work(r.kind, r);
    store.bounded(r);
    store.guarded(r);
    store.early(r);
    store.checked(r);
    store.literal();
    store.through_alias(r);
    store.by_iterator(r);
    store.open_add();
    store.open().clear();
    store.swapped(r);
    store.moved(r);
    store.metric("a");
    store.metric("b");
    store.by_kind(r.kind);
    std::vector<int> local;
    local.push_back(1);
}

int main() {
    Store store(3);
    std::vector<Request> captured;  // finds unbounded-growth
    std::vector<std::string> at_start;
    for (int i = 0; i < 3; ++i) at_start.push_back("x");
    std::function<void(const Request&)> on_request = [&](const Request& r) { captured.push_back(r); };
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    for (;;) {
        const int fd = ::accept(listener, nullptr, nullptr);
        if (fd < 0) continue;
        Request r;
        r.user.resize(100);
        r.user.resize(static_cast<std::size_t>(::recv(fd, r.user.data(), r.user.size(), 0)));
        on_request(r);
        handle(store, r);
        ::close(fd);
    }
}
