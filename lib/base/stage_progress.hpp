#pragma once

namespace leakline {

// How far work of several stages is (0..1), whose number is not known when it begins: one progress bar. It never goes back.
// Thread-safety: one thread at a time.
class StageProgress {
  public:
    // The stage that begins fills this share (0..1) of what is left of the bar.
    void begin(double share);
    // Of a stage that is so far (0..1): how far the whole is. A stage that falls back has been extended: what is left of
    // it gets its share of what is left of the bar.
    double at(double fraction);

  private:
    double share_ = 0;
    double from_ = 0, to_ = 0, at_ = 0;       // of the bar
    double first_fraction_ = 0, latest_ = 0;  // of the stage
};

}  // namespace leakline
