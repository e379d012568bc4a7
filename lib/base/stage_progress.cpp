#include "base/stage_progress.hpp"

#include <algorithm>

namespace leakline {

void StageProgress::begin(double share) {
    at_ = std::max(at_, to_);
    share_ = std::clamp(share, 0.0, 1.0);
    from_ = at_;
    to_ = from_ + share_ * (1 - from_);
    first_fraction_ = latest_ = 0;
}

double StageProgress::at(double fraction) {
    constexpr double kFallsBack = 0.02;
    fraction = std::clamp(fraction, 0.0, 1.0);
    if (fraction < latest_ - kFallsBack) {
        from_ = at_;
        to_ = from_ + share_ * (1 - from_);
        first_fraction_ = fraction;
    }
    latest_ = fraction;
    const double done = first_fraction_ < 1 ? (fraction - first_fraction_) / (1 - first_fraction_) : 1;
    at_ = std::max(at_, from_ + done * (to_ - from_));
    return at_;
}

}  // namespace leakline
