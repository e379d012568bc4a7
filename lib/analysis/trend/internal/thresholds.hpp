// Every threshold of the trend's verdict: meaning | source | what moves with it in `leakline trend --self-test`.
//
// source
//   first    of the procedure's first version, tuned on 1,980 labeled traces
//   traces   chosen later, on simulated traces
//   runs     seen in runs of real services (short_runs.cpp says which)
// moves (measured with the self-test's traces, seed 1, where the threshold is doubled and halved; of a probability above .5 that which
// it leaves to 1; of a whole number, at least by one)
//   families and the number of their traces, of 30 each, whose verdict is another one; "power curve" is its noisy lines
//   (...)    no verdict, but a figure of so many of the 600 traces, by more than 1 %
//   -        nothing: no simulated trace comes near it
#pragma once

#include <cstddef>

namespace leakline::analysis::trend::thresholds {

// Samples to bins (front_end.cpp).
namespace front_end {
// bins of equal time that a segment is reduced to | first | power curve 4, collected 2, flat 1, expiring 1, 1 more
inline constexpr std::size_t kBins = 240;
// a lone sample that sticks out of its neighbors by more standard deviations of their change is replaced | first | (interval 145, slope
//   117)
inline constexpr double kSpikeDeviations = 5;
inline constexpr double kIdleRequests = .02;  // share of all requests that may come in an idle end: health checks go on | traces | -
}  // namespace front_end

// What counts as growth and as noise (scales.cpp).
namespace scales {
inline constexpr double kLeastGrowthMib = .25;  // least growth over a segment | first | (detection limit 117, interval 31)
// the same as a share of the level | first | power curve 2, flat 1, warm-up 1, cache 1, 1 more
inline constexpr double kLeastGrowthOfLevel = .005;
inline constexpr double kLeastNoiseOfLevel = 1e-5;  // least noise, as a share of the level | first | (slope 7, interval 5)
inline constexpr double kDeviations = .25;  // least growth in deviations of the detrended bins | first | (detection limit 129, P(leak) 57)
}  // namespace scales

// Memory that comes and goes with the rate of requests (points.cpp).
namespace load {
inline constexpr std::size_t kMinBins = 24;  // with fewer bins no load is looked for | first | -
inline constexpr double kMinVariation = .1;  // coefficient of variation from which the rate varies | first | -
inline constexpr double kMinTStatistic = 8;  // t statistic above which the rate explains memory | first | load 1
// share of the rate's variation that is not drift: below it, effects of rate and time cannot be separated | traces | -
inline constexpr double kMinNonDrift = .001;
}  // namespace load

// Points of whole cycles (points.cpp).
namespace cycles {
// most points that curves are fitted to: medians of blocks, or cycles | first | power curve 4, collected 3, daily 2, flat 1, 4 more
inline constexpr std::size_t kBlocks = 48;
// of the range, on each side of the middle, for a crossing | first | power curve 3, per request 1, flat 1
inline constexpr double kHysteresis = .25;
inline constexpr std::size_t kMinCrossings = 5;     // upward crossings that make cycles | first | (interval 34, detection limit 33)
inline constexpr std::size_t kMinCycles = 4;        // whole cycles that make points | first | (interval 31, detection limit 30)
inline constexpr std::size_t kMinNoiseCycles = 14;  // the same where noise makes the crossings | traces | power curve 3, flat 1
// a cycle is visible where the range is so many times the usual change between bins | traces | per request 1, power curve 1
inline constexpr double kMinRangePerChange = 6;
// a cycle that starts one bin late moves its floor by range / bins per cycle | first | power curve 2, flat 1
inline constexpr double kNoisePerRange = .3;
}  // namespace cycles

// Prior odds against curves (fit.cpp).
namespace prior {
inline constexpr double kCurved = .4;    // of curves other than flat and linear | first | power curve 3, collected 1
inline constexpr double kLateBend = .3;  // of curves whose bend at the very end nothing confirms | first | power curve 1
}  // namespace prior

// AR(1) correlation of the residuals (fit.cpp).
namespace correlation {
inline constexpr double kMax = .97;  // highest correlation that is accepted | first | (slope 27, detection limit 27)
// the same of residuals as small as rounding, which say nothing of the process | first | (interval 41, detection limit 27)
inline constexpr double kMaxOfRounding = .3;
inline constexpr double kRounding = 1.5;  // residuals below so many times the smallest noise are rounding | first | power curve 1
}  // namespace correlation

// A fall that undoes growth, not yet outgrown: the next tooth of a saw looks the same (classes.cpp).
namespace reset {
inline constexpr double kFallOfGrowth = .4;  // the fall, as a share of the growth before it | first | power curve 1
inline constexpr double kRecent = .67;       // part of the run that has passed since, at most | first | (P(leak) 3, slope 3)
// growth since, less the fall, as a share of the larger growth, from which the fall is outgrown | first | (P(leak) 2)
inline constexpr double kOutgrown = .25;
}  // namespace reset

// When a curve that ends in a slope is a leak, and when it is open (classes.cpp).
namespace leak_shapes {
// knee from which a logarithm is a line that bends a little | first | (P(leak) 3, interval 3)
inline constexpr double kLineLikeLogarithm = .3;
inline constexpr double kLateKnee = .82;  // a leak that starts later is open | first | power curve 1
// a parabola that ends in less than this share of its mean slope is open | first | power curve 2
inline constexpr double kMinEndSlope = .4;
inline constexpr double kLongWarmup = .12;  // time constant from which a warm-up that outweighs the line is open | first | (P(leak) 1)
}  // namespace leak_shapes

// When a curve that is bounded is open, since its bend comes too late to decide (classes.cpp, fit.cpp).
namespace bounded_shapes {
inline constexpr double kLateFill = .8;        // knee of a fill-then-flat | first | cache 2, power curve 1
inline constexpr double kLateStep = .85;       // place of a step, or of the second | first | step 1
inline constexpr double kLateSecondStep = .6;  // of the second step, where both go up by more than the least growth | first | -
inline constexpr double kLongPeriod = .85;     // period of a wave | first | -
inline constexpr double kMaxRemaining = .08;   // share of its height that an exponential has still to come | first | -
}  // namespace bounded_shapes

// The verdict on a segment (segment.cpp, classes.cpp).
namespace verdict {
// P(leak) from which memory grows; first .95: .94 finds one leak in 300 more and nothing else, at .93 false alarms begin to rise | traces |
//   power curve 4, warm-up 1
inline constexpr double kGrowingFrom = .94;
inline constexpr double kStableFrom = .80;  // P(stable) from which memory is stable | first | daily 3, collected 2, load 1, flat 1, 2 more
// P(leak) asks for this part of the least growth; the median slope for all of it | first | (P(leak) 135)
inline constexpr double kLeastGrowthFactor = 1 / 3.;
inline constexpr std::size_t kMinSamples = 20;  // fewer samples are not judged | first | -
}  // namespace verdict

// Growth by requests instead of time (segment.cpp).
namespace request_axis {
// requests differ from time where they depart by this part of the run; first .03 | traces | (slope 1, detection limit 1)
inline constexpr double kMinDeparture = .01;
// BIC by which requests fit better ("positive" evidence, Raftery 1995) | first | (slope 2, detection limit 2)
inline constexpr double kBicMargin = 2;
}  // namespace request_axis

// Floors and means of few cycles have to agree (segment.cpp).
namespace cycle_veto {
inline constexpr std::size_t kFewCycles = 14;  // fewer are few | first | power curve 1, per request 1
inline constexpr double kMinPLeak = .75;       // P(leak) that both reach | first | per request 1
}  // namespace cycle_veto

// Growth in one or two jumps (vetoes.cpp).
namespace jumps_veto {
inline constexpr std::size_t kJumpBlocks = 24;  // blocks that the growth is cut into | first | -
inline constexpr double kTwoJumpShare = .75;    // two of them that carry more of it are jumps | first | power curve 3
inline constexpr double kThreeJumpShare = .92;  // three of them | first | -
inline constexpr double kWarmup = .35;  // the same without this part at the beginning, which must not hide what came later | first | -
inline constexpr std::size_t kMinLaterBlocks = 14;  // blocks that must be left for that | first | -
}  // namespace jumps_veto

// Growth that stops at the end (vetoes.cpp, segment.cpp).
namespace tail_veto {
inline constexpr double kTailBegin = .65;      // the end: from this part of the run on | first | -
inline constexpr double kMinSlopeRatio = .35;  // of the whole slope, which the end has to exceed | first | -
inline constexpr std::size_t kMinPoints = 5;   // points that suffice | first | -
inline constexpr double kMinContinues = .10;   // least probability of that | first | -
inline constexpr double kShortPeriod = .5;     // cycles of at most this period are taken out before | first | -
inline constexpr double kAboveNoise = 4;       // a record is one above the last by so many deviations | traces | -
inline constexpr double kMinPause = .02;       // least probability that the flat end is a pause like those before | traces | -
}  // namespace tail_veto

// The interval of the slope and the detection limit (segment.cpp).
namespace interval {
inline constexpr double kMinLimitFactor = 1.25;  // detection limit: times the least growth, at least | traces | (detection limit 275)
// detection limit: margins of the line above a third of the least growth | traces | (detection limit 466)
inline constexpr double kMargins = 8;
// of the interval: it held the truth in 92 % of all cases without, in 95 % with | traces | (interval 530)
inline constexpr double kWidening = 1.25;
}  // namespace interval

// A stable segment that falls until its end (segment.cpp).
namespace shrinking {
inline constexpr double kMinLevelShare = .05;    // least fall, as a share of the level | traces | -
inline constexpr double kLeastGrowthFactor = 3;  // the same in least growths | traces | -
inline constexpr double kMinCertainty = .99;     // P(leak) of its mirror image | traces | -
}  // namespace shrinking

// Where a warm-up ends, and the verdict on the rest (segment.cpp).
namespace warmup {
inline constexpr double kTimeConstants = 5;  // of an exponential: e^-5, within 1 % of the plateau | first | warm-up 1
inline constexpr double kKneeMargin = .02;   // of the others: this part of the run behind the knee | first | (warm-up 99, interval 82)
inline constexpr double kReset = .3;         // P(reset) from which a step is none | first | (slope 4, detection limit 4)
inline constexpr double kMinCut = .03;       // a shorter warm-up is not cut | first | (warm-up 31, interval 31)
inline constexpr int kMaxCuts = 3;           // cuts, one after the other | first | -
inline constexpr double kMinRest = .33;      // part of the run that a cut leaves | first | warm-up 1
inline constexpr std::size_t kMinRestSamples = 40;  // samples that a cut leaves | first | -
inline constexpr double kMinStrictness = .5;  // the least growth of a rest shrinks with its length, down to this part | first | warm-up 1
inline constexpr double kStillGrowing = .7;   // P(leak) of the rest at which it inherits the whole's growth | first | -
inline constexpr double kStillStable = .5;    // P(stable) of the rest at which it inherits that | first | warm-up 1
}  // namespace warmup

// A last check of the end of an undecided segment (segment.cpp).
namespace settled {
inline constexpr double kFrom = .6;                 // the end: from this part of the run on | first | caches 1, cache 1
inline constexpr double kStrictness = .5;           // of its least growth | first | (P(leak) 2, detection limit 2)
inline constexpr double kMaxCut = .5;               // a longer warm-up leaves no end to look at | first | -
inline constexpr double kReset = .3;                // P(reset) from which memory fell: then what follows the fall | first | -
inline constexpr double kMaxPLeak = .3;             // P(leak) of the whole, below which it hardly grows | first | power curve 1, caches 1
inline constexpr double kMinCertainty = .9;         // P(stable) of the end | first | -
inline constexpr double kFallMargin = .03;          // what follows a fall begins this part of the run behind it | traces | -
inline constexpr double kMinRest = .15;             // part of the run that has to follow a fall | traces | -
inline constexpr std::size_t kMinSamplesLeft = 40;  // samples of the end | first | -
// growth before the fall, as a share of the detection limit of the end: below this it is negligible | traces | -
inline constexpr double kNegligibleGrowth = .4;
inline constexpr double kVisibleGrowth = 1.6;  // and above this it would be detected | traces | -
inline constexpr double kLongIdle = .1;  // part of the run without requests from which flat says nothing of a leak by requests | traces | -
}  // namespace settled

// Runs that are too short, or follow a warm-up (short_runs.cpp).
namespace short_runs {
inline constexpr std::size_t kLevelDivisor = 20;   // the level at the beginning: of the first twentieth of the samples | runs | -
inline constexpr double kMinLevelMib = 1. / 1024;  // and at least this | runs | -
inline constexpr double kMinute = 60;              // seconds; shorter runs grow only along a plain line | runs | -
inline constexpr double kStartupMib = 1;           // growth that a healthy process still collects | runs | -
// seconds after which a warm-up is over | runs | after a fill 2, linear 1, arenas 1, killed 1, 1 more
inline constexpr double kWarmupOver = 120;
inline constexpr double kTailOver = 300;      // seconds after which the end of a warm-up is | runs | -
inline constexpr double kLinePLeak = .99;     // P(leak) of a plain line | runs | -
inline constexpr double kCurvePLeak = .9999;  // P(leak) of any other growth | runs | -
inline constexpr double kLineGrowth = .02;    // least growth along a plain line, of the level | runs | -
inline constexpr double kCurveGrowth = .05;   // least of any other, of the level at the beginning | runs | -
inline constexpr double kWarmupGrowth = .5;   // growth above the level at the beginning, beyond which a run is a warm-up | runs | -
}  // namespace short_runs

// A vote of processes (trend.cpp).
namespace restarts {
inline constexpr double kMinPart = .08;         // a process that ran for less of the time has no vote | first | -
inline constexpr double kMajority = .5;         // of the time that was judged | first | restart 1
inline constexpr double kMaxGrowingShare = .1;  // stable only where less of it grows | first | -
inline constexpr double kStableFactor = 2;      // growing only where it is so many times what is stable | first | -
}  // namespace restarts

}  // namespace leakline::analysis::trend::thresholds
