#include "replay/internal/reader.hpp"

#include <algorithm>
#include <utility>

#include "base/strings.hpp"
#include "replay/selected_log.hpp"
#include "replay/wire.hpp"

namespace leakline::replay {

namespace {

// RFC 9110, section 9.2.2.
bool is_idempotent(std::string_view method) {
    return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" || method == "OPTIONS" || method == "TRACE";
}

std::uint64_t affinity_of(std::string_view session) {
    if (session.empty()) return 0;
    std::uint64_t hash = 14695981039346656037u;  // FNV-1a: the same on every machine and in every build
    for (const char c : session) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    return hash == 0 ? 1 : hash;
}

}  // namespace

Reader::Reader(const ReplayOptions& options, std::string host, BatchQueue& queue, std::function<void()> wake)
    : options_(options),
      host_(std::move(host)),
      queue_(queue),
      wake_(std::move(wake)),
      shape_options_(choose_hosts(options)),
      shape_(shape_options_),
      paths_(options.variable_segments),
      left_out_paths_(options.variable_segments) {
    if (options.fresh_plan && !options.fresh_plan->fields.empty()) fresh_.emplace(*options.fresh_plan);
    if (options.values.any()) patches_.emplace(options.values);
}

void Reader::run() noexcept {
    try {
        for (int round = 1; options_.rounds == 0 || round <= options_.rounds; ++round)
            if (!read_round(round)) return;
    } catch (...) {
        queue_.fail(std::current_exception());
        wake_();
    }
}

bool Reader::pass_on(std::unique_ptr<Batch>& batch) {
    queue_.push(std::move(batch));
    if (wanted_items_.exchange(0) != 0) wake_();
    batch = queue_.take_empty();
    return batch != nullptr;
}

bool Reader::read_round(int round) {
    LogOptions reading = log_options(options_);
    if (fresh_ && round > 2) fresh_is_judged_.wait(false);
    std::unique_ptr<Batch> batch = queue_.take_empty();  // null once the queue is closed
    if (!batch) return false;
    // The pipe has no more data now: pass on what there is to a waiting sender.
    reading.while_silent = [&] {
        if (batch && !batch->items.empty() && wanted_items_.load(std::memory_order_relaxed) != 0) pass_on(batch);
    };
    reading.stop = closing_.get_token();
    Log log(options_.logs, reading);
    shape_.begin_round();
    generation_ = static_cast<std::uint64_t>(round - 1);  // the first round sends the log as it is
    bool whole = false;
    try {
        whole = read_batches(log, batch);
    } catch (...) {  // what was read so far is sent and accounted for
        if (batch) queue_.push(std::move(batch));
        if (round == 1) remember_damage(log);
        throw;
    }
    if (round == 1) remember_damage(log);
    if (!whole) return false;
    batch->ends_round = true;
    queue_.push(std::move(batch));
    if (wanted_items_.exchange(0) != 0) wake_();
    return true;
}

// To the log's end; false when the queue was closed before.
bool Reader::read_batches(Log& log, std::unique_ptr<Batch>& batch) {
    Record record;
    std::uint64_t bad = 0;  // already counted in a batch
    const auto count_bad = [&] { batch->bad += log.bad() - std::exchange(bad, log.bad()); };
    try {
        while (log.next(record)) {
            if (!batch) return false;
            add(*batch, record, log);
            count_bad();
            const std::uint32_t wanted_items = wanted_items_.load(std::memory_order_relaxed);
            if (batch->bytes.size() < Batch::kFull && (wanted_items == 0 || batch->items.size() < wanted_items)) continue;
            batch->part = log.part();
            if (!pass_on(batch)) return false;
        }
    } catch (const Error&) {
        if (batch) count_bad();
        throw;
    }
    if (!batch || closing_.stop_requested()) return false;
    count_bad();
    batch->part = log.part();
    return true;
}

std::vector<LeftOut> Reader::left_out() const {
    std::vector<LeftOut> out;
    for (const auto& [key, count] : left_out_) out.push_back({left_out_paths_.names()[key.first], key.second, count});
    return out;
}

void Reader::remember_damage(const Log& log) {
    damage_ = log.damage();
    warnings_ = log.warnings();
    for (std::string& warning : shape_.warnings("left out")) warnings_.push_back(std::move(warning));
}

// A kind of request that the caller wants to keep as it is.
void Reader::note_kept(std::uint16_t path) {
    const std::vector<std::string>& kinds = options_.keep_recorded;
    if (std::find(kinds.begin(), kinds.end(), paths_.names()[path]) != kinds.end()) keep_recorded(path);
}

void Reader::add(Batch& batch, Record& record, Log& log) {
    if (options_.shape.shard && record.has_time && !has_origin_.load(std::memory_order_relaxed)) {
        origin_ = record.at;
        has_origin_.store(true, std::memory_order_release);
    }
    log_requests_ += generation_ == 0;
    const std::uint64_t without_body = shape_.without_body();
    if (!shape_.apply(record)) {
        ++batch.filtered;
        if (generation_ == 0)
            ++left_out_[{left_out_paths_.intern(record.method, path_of_target(record.target)),
                         shape_.without_body() > without_body ? LeftOutWhy::no_body : LeftOutWhy::filter}];
        return;
    }
    if (!record.has_time && options_.pace.kind == Pace::Kind::recorded)
        throw Error(ErrorKind::input, log.path() + ":" + std::to_string(record.place),
                    "the log has no timestamps, so there is no recorded pace", "--pace 100/s or --pace max");
    const std::size_t known = paths_.names().size();
    const std::uint16_t path = paths_.intern(record.method, path_of_target(record.target));
    if (fresh_ && paths_.names().size() > known) note_kept(path);
    const bool fresh =
        fresh_ && generation_ > 0 && !keeps_recorded_[path].load(std::memory_order_relaxed) && fresh_->apply(record, generation_);
    if (batch.bytes.capacity() < Batch::kFull) batch.bytes.reserve(Batch::kFull + Batch::kFull / 4);
    Item item;
    item.offset = batch.bytes.size();
    if (!append_wire(batch.bytes, record, shape_.host(record, host_))) return log.reject(why_not_sent(record));
    item.size = batch.bytes.size() - item.offset;
    item.at = record.at;
    item.has_time = record.has_time;
    item.recorded_status = static_cast<std::int16_t>(record.recorded_status);
    item.coarse = record.resolution.count() > 0;
    item.affinity = affinity_of(record.connection);
    item.place = record.place;
    item.head = record.method == "HEAD";
    item.idempotent = is_idempotent(record.method);
    item.closes = closes_connection(record);
    item.path = path;
    item.first_round = generation_ == 0;
    item.fresh = fresh;
    if (generation_ == 0) (record.http_version == '1' ? over_http1_ : over_later_) += record.http_version != 0;
    if (patches_) {
        item.extractions = extractions_of(options_.values, record.method, record.target);
        prepare_values(batch, item);
    }
    batch.items.push_back(item);
}

// Requests that name no session are one: they are sent one after the other, so that a value is there before it is needed.
void Reader::prepare_values(Batch& batch, Item& item) {
    if (item.affinity == 0) {
        item.affinity = 1;
        sessionless_ += generation_ == 0;
    }
    item.first_patch = static_cast<std::uint32_t>(batch.patches.size());
    patches_->find(batch.bytes_of(item), batch.patches);
    item.patches = static_cast<std::uint32_t>(batch.patches.size()) - item.first_patch;
}

std::vector<std::string> Reader::value_warnings() const {
    std::vector<std::string> out = options_.values.notes;
    if (!patches_) return out;
    for (std::size_t i = 0; i < patches_->found().size(); ++i)
        if (patches_->found()[i] == 0)
            out.push_back("--substitute '" + printable(options_.values.substitutions[i].text) +
                          "': no request has the part that it replaces");
    if (sessionless_ > 0)
        out.push_back(counted(sessionless_, "request") + (sessionless_ == 1 ? " names no session and was" : " name no session and were") +
                      " sent as one session, on one connection (--session says what identifies a session)");
    return out;
}

}  // namespace leakline::replay
