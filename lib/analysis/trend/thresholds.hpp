// Every threshold of the trend's verdict: meaning, source, and the families of `leakline trend --self-test` whose verdicts
// move with it.
//
//   first    of the procedure's first version, tuned on 1,980 labelled traces
//   traces   chosen later, on simulated traces
//   runs     seen in runs of real services (short_runs.cpp says which)
//
//   moves    families of the self-test with another verdict in so many of 40 traces (seed 1), where the threshold is a quarter
//            larger or smaller (a whole number: by one at least); "-": in none
#pragma once

#include <cstddef>

namespace leakline::analysis::trend::thresholds {

// Samples to bins (front_end.cpp).
namespace front_end {
// bins of equal time that a stretch is reduced to | first | collected 4, warm-up 2, load 2, flat 1, 2 more
inline constexpr std::size_t kBins = 240;
// a lone sample that sticks out of its neighbors by more standard deviations of their change is replaced | first | load 1
inline constexpr double kSpikeDeviations = 5;
// share of all requests that may come in an idle end: health checks go on | traces | -
inline constexpr double kHardlyAny = .02;
}  // namespace front_end

// What counts as growth and as noise (scales.cpp).
namespace scales {
// least growth over a stretch | first | -
inline constexpr double kLeastGrowthMib = .25;
// the same as a share of the level | first | flat 1, load 1, warm-up 1
inline constexpr double kLeastGrowthOfLevel = .005;
// least noise, as a share of the level | first | -
inline constexpr double kLeastNoiseOfLevel = 1e-5;
// least growth in deviations of the detrended bins | first | -
inline constexpr double kOfDeviation = .25;
}  // namespace scales

// Memory that comes and goes with the rate of requests (points.cpp).
namespace load {
// with fewer bins no load is looked for | first | -
inline constexpr std::size_t kLeastBins = 24;
// coefficient of variation from which the rate varies | first | -
inline constexpr double kVaries = .1;
// t statistic above which the rate explains memory | first | -
inline constexpr double kExplains = 8;
// share of the rate that is no drift: below it, what the rate does cannot be told from what time does | traces | -
inline constexpr double kOfItsOwn = .001;
}  // namespace load

// Points of whole cycles (points.cpp).
namespace cycles {
// most points that curves are fitted to: medians of blocks, or cycles | first | collected 5, flat 1, warm-up 1, expiring 1, 1 more
inline constexpr std::size_t kBlocks = 48;
// of the range, on each side of the middle, for a crossing | first | per request 1, load 1
inline constexpr double kHysteresis = .25;
// upward crossings that make cycles | first | -
inline constexpr std::size_t kLeastCrossings = 5;
// whole cycles that make points | first | -
inline constexpr std::size_t kLeastGroups = 4;
// the same where noise makes the crossings | traces | -
inline constexpr std::size_t kLeastOfNoise = 14;
// a cycle is visible where the range is so many times the usual change between bins | traces | -
inline constexpr double kOfUsualChange = 6;
// a cycle that starts one bin late moves its floor by range / bins per cycle | first | -
inline constexpr double kNoiseOfRange = .3;
}  // namespace cycles

// Prior odds against curves (fit.cpp).
namespace prior {
// of curves other than flat and linear | first | -
inline constexpr double kBent = .4;
// of curves whose bend at the very end nothing confirms | first | -
inline constexpr double kBendsAtTheEnd = .3;
}  // namespace prior

// AR(1) correlation of the residuals (fit.cpp).
namespace correlation {
// highest correlation that is believed | first | daily 17
inline constexpr double kMost = .97;
// the same of residuals as small as rounding, which say nothing of the process | first | -
inline constexpr double kMostOfRounding = .3;
// residuals below so many times the smallest noise are rounding | first | -
inline constexpr double kRounding = 1.5;
}  // namespace correlation

// A fall that undoes growth, not yet outgrown: the next tooth of a saw looks the same (classes.cpp).
namespace reset {
// the fall, as a share of the growth before it | first | -
inline constexpr double kFallOfGrowth = .4;
// part of the run that has passed since, at most | first | collected 1
inline constexpr double kRecent = .67;
// growth since, less the fall, as a share of the larger growth, from which the fall is outgrown | first | -
inline constexpr double kOutgrown = .25;
}  // namespace reset

// When a curve that ends in a slope is a leak, and when it is open (classes.cpp).
namespace leak_shapes {
// knee from which a logarithm is a line that bends a little | first | -
inline constexpr double kLineLikeLogarithm = .3;
// a leak that starts later is open | first | late 2
inline constexpr double kLateKnee = .82;
// a parabola that ends in less than this share of its mean slope is open | first | -
inline constexpr double kDecelerates = .4;
// time constant from which a warm-up that outweighs the line is open | first | -
inline constexpr double kLongWarmup = .12;
}  // namespace leak_shapes

// When a curve that is bounded is open, since its bend comes too late to tell (classes.cpp, fit.cpp).
namespace bounded_shapes {
// knee of a fill-then-flat | first | cache 3
inline constexpr double kLateFill = .8;
// place of a step, or of the second | first | step 2
inline constexpr double kLateStep = .85;
// of the second step, where both go up by more than the least growth | first | -
inline constexpr double kLateSecondStep = .6;
// period of a wave | first | -
inline constexpr double kLongPeriod = .85;
// share of its height that an exponential has still to come | first | -
inline constexpr double kToCome = .08;
}  // namespace bounded_shapes

// The verdict on a stretch (segment.cpp, classes.cpp).
namespace verdict {
// P(leak) from which memory grows; first .95: .94 finds one leak in 300 more and nothing else, at .93 false alarms begin to rise | traces
//   | linear 40, arenas 40, collected leak 40, late 40, 7 more
inline constexpr double kGrowingFrom = .94;
// P(stable) from which memory is stable | first | expiring 39, daily 39, load 39, collected 37, 7 more
inline constexpr double kStableFrom = .80;
// P(leak) asks for this part of the least growth; the median slope for all of it | first | -
inline constexpr double kOfLeastGrowth = 1 / 3.;
// fewer samples are not judged | first | -
inline constexpr std::size_t kLeastSamples = 20;
}  // namespace verdict

// Growth by requests instead of time (segment.cpp).
namespace request_axis {
// requests differ from time where they depart by this part of the run; first .03 | traces | -
inline constexpr double kDeparts = .01;
// BIC by which requests fit better ("positive" evidence, Raftery 1995) | first | -
inline constexpr double kClearlyBetter = 2;
}  // namespace request_axis

// Floors and means of few cycles have to agree (segment.cpp).
namespace cycle_veto {
// fewer are few | first | -
inline constexpr std::size_t kFewCycles = 14;
// P(leak) that both reach | first | per request 1
inline constexpr double kBothReach = .75;
}  // namespace cycle_veto

// Growth in one or two jumps (vetoes.cpp).
namespace jumps_veto {
// blocks that the growth is cut into | first | -
inline constexpr std::size_t kBlocksLookedAt = 24;
// two of them that carry more of it are jumps | first | -
inline constexpr double kTwoCarry = .75;
// three of them | first | -
inline constexpr double kThreeCarry = .92;
// the same without this part at the beginning, which must not hide what came later | first | -
inline constexpr double kWarmup = .35;
// blocks that must be left for that | first | -
inline constexpr std::size_t kLeastLater = 14;
}  // namespace jumps_veto

// Growth that stops at the end (vetoes.cpp, segment.cpp).
namespace tail_veto {
// the end: from this part of the run on | first | -
inline constexpr double kTail = .65;
// of the whole slope, which the end has to exceed | first | -
inline constexpr double kOfSlope = .35;
// points that tell | first | -
inline constexpr std::size_t kLeastPoints = 5;
// least probability of that | first | -
inline constexpr double kGoesOn = .10;
// cycles of at most this period are taken out before | first | -
inline constexpr double kShortPeriod = .5;
// a record is one above the last by so many deviations | traces | -
inline constexpr double kAboveNoise = 4;
// least probability that the flat end is a pause like those before | traces | -
inline constexpr double kOnlyAPause = .02;
}  // namespace tail_veto

// The interval of the slope and the detection limit (segment.cpp).
namespace interval {
// detection limit: times the least growth, at least | traces | -
inline constexpr double kAboveLeast = 1.25;
// detection limit: margins of the line above a third of the least growth | traces | -
inline constexpr double kMargins = 8;
// of the interval: it held the truth in 92 % of all cases without, in 95 % with | traces | -
inline constexpr double kWidening = 1.25;
}  // namespace interval

// A stable stretch that falls on to its end (segment.cpp).
namespace shrinking {
// least fall, as a share of the level | traces | -
inline constexpr double kOfLevel = .05;
// the same in least growths | traces | -
inline constexpr double kOfLeastGrowth = 3;
// P(leak) of its mirror image | traces | -
inline constexpr double kSurely = .99;
}  // namespace shrinking

// Where a warm-up ends, and the verdict on the rest (segment.cpp).
namespace warmup {
// of an exponential: e^-5, within 1 % of the plateau | first | warm-up 2
inline constexpr double kTimeConstants = 5;
// of the others: this part of the run behind the knee | first | caches 1
inline constexpr double kPastTheKnee = .02;
// P(reset) from which a step is none | first | -
inline constexpr double kReset = .3;
// a shorter warm-up is not cut | first | -
inline constexpr double kWorthCutting = .03;
// cuts, one after the other | first | -
inline constexpr int kMostCuts = 3;
// part of the run that a cut leaves | first | -
inline constexpr double kLeastRest = .33;
// samples that a cut leaves | first | -
inline constexpr std::size_t kLeastRestSamples = 40;
// the least growth of a rest shrinks with its length, down to this part | first | -
inline constexpr double kLeastStrictness = .5;
// P(leak) of the rest at which it inherits the whole's growth | first | -
inline constexpr double kStillGrowing = .7;
// P(stable) of the rest at which it inherits that | first | -
inline constexpr double kStillStable = .5;
}  // namespace warmup

// A last look at the end of an undecided stretch (segment.cpp).
namespace settled {
// the end: from this part of the run on | first | -
inline constexpr double kFrom = .6;
// of its least growth | first | -
inline constexpr double kStrictness = .5;
// a longer warm-up leaves no end to look at | first | -
inline constexpr double kMostCut = .5;
// P(reset) from which memory fell: then what follows the fall | first | -
inline constexpr double kReset = .3;
// P(leak) of the whole, below which it hardly grows | first | -
inline constexpr double kHardlyGrows = .3;
// P(stable) of the end | first | cache 2, caches 1
inline constexpr double kSurely = .9;
// what follows a fall begins this part of the run behind it | traces | -
inline constexpr double kPastTheFall = .03;
// part of the run that has to follow a fall | traces | -
inline constexpr double kLeastRest = .15;
// samples of the end | first | -
inline constexpr std::size_t kLeastSamplesLeft = 40;
// growth before the fall that is less of what the end could tell from none could hide nowhere | traces | -
inline constexpr double kNothing = .4;
// and more would show | traces | -
inline constexpr double kPlain = 1.6;
// part of the run without requests from which flat says nothing of a leak by requests | traces | -
inline constexpr double kLongIdle = .1;
}  // namespace settled

// Runs that are too short, or follow a warm-up (short_runs.cpp).
namespace short_runs {
// the level at the beginning: of the first twentieth of the samples | runs | -
inline constexpr std::size_t kOf = 20;
// and at least this | runs | -
inline constexpr double kLeastMib = 1. / 1024;
// seconds; shorter runs grow only along a plain line | runs | -
inline constexpr double kMinute = 60;
// growth that a healthy process still collects | runs | -
inline constexpr double kLittleMib = 1;
// seconds after which a warm-up is over | runs | -
inline constexpr double kWarmupOver = 120;
// seconds after which the end of a warm-up is | runs | -
inline constexpr double kTailOver = 300;
// P(leak) of a plain line | runs | -
inline constexpr double kHardlyADoubt = .99;
// P(leak) of any other growth | runs | -
inline constexpr double kNoDoubt = .9999;
// least growth along a plain line, of the level | runs | -
inline constexpr double kTrace = .02;
// least of any other, of the level at the beginning | runs | -
inline constexpr double kTrifle = .05;
// growth above the level at the beginning, beyond which a run is a warm-up | runs | -
inline constexpr double kFarAbove = .5;
}  // namespace short_runs

// A vote of processes (trend.cpp).
namespace restarts {
// a process that ran for less of the time has no vote | first | -
inline constexpr double kLeastPart = .08;
// of the time that was judged | first | -
inline constexpr double kMajority = .5;
// stable only where less of it grows | first | -
inline constexpr double kFewGrow = .1;
// growing only where it is so many times what is stable | first | -
inline constexpr double kTimesStable = 2;
}  // namespace restarts

}  // namespace leakline::analysis::trend::thresholds
