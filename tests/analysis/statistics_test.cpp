#include "analysis/statistics.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

using namespace leakline::analysis;

TEST_CASE("quantile interpolates as R's type 7 and numpy do") {
    const std::vector<double> values{3, 1, 4, 1, 5, 9, 2, 6};
    // numpy.quantile([3,1,4,1,5,9,2,6], [0, .1, .25, .5, .84, 1])
    CHECK(quantile(values, 0) == doctest::Approx(1));
    CHECK(quantile(values, .1) == doctest::Approx(1));
    CHECK(quantile(values, .25) == doctest::Approx(1.75));
    CHECK(quantile(values, .5) == doctest::Approx(3.5));
    CHECK(quantile(values, .84) == doctest::Approx(5.88));
    CHECK(quantile(values, 1) == doctest::Approx(9));
    CHECK(quantile({}, .5) == 0);
    CHECK(median({7}) == 7);
}

TEST_CASE("the upper tail of Student's t agrees with scipy 1.10") {
    struct Row {
        double t, degrees, tail;
    };
    // scipy.stats.t.sf(t, degrees)
    for (const Row& row : {Row{0, 5, .5}, Row{1, 1, .24999999999999978}, Row{2.5, 3, .04385332350403277}, Row{-1.7, 10, .9400153270454898},
                           Row{4.2, 46, 6.057786597580981e-05}, Row{12.7062047364, 1, .02499999999955854}, Row{.3, 1000, .3821197520836221},
                           Row{8, 2, .00763403608266907}}) {
        CAPTURE(row.t);
        CHECK(student_t_upper_tail(row.t, row.degrees) == doctest::Approx(row.tail).epsilon(1e-9));
    }
}

TEST_CASE("the quantiles of Student's t agree with scipy 1.10") {
    // scipy.stats.t.ppf(p, degrees); for (.05, 4), where scipy 1.10 has only nine digits right, R 4.2 qt()
    CHECK(student_t_quantile(.95, 46) == doctest::Approx(1.67866041259169).epsilon(1e-9));
    CHECK(student_t_quantile(.975, 1) == doctest::Approx(12.706204736432095).epsilon(1e-9));
    CHECK(student_t_quantile(.975, 10) == doctest::Approx(2.2281388519649385).epsilon(1e-9));
    CHECK(student_t_quantile(.05, 4) == doctest::Approx(-2.13184678632665).epsilon(1e-9));
    CHECK(student_t_quantile(.999, 30) == doctest::Approx(3.385184866818216).epsilon(1e-9));
    CHECK(std::fabs(student_t_quantile(.5, 7)) < 1e-7);
}

TEST_CASE("the Theil-Sen slope agrees with scipy's theilslopes") {
    const std::vector<double> x{1, 2, 3, 4, 5, 6, 8, 9, 12, 13}, y{9, 15, 19, 20, 45, 55, 78, 90, 111, 130};
    CHECK(theil_sen_slope(x, y) == doctest::Approx(10.4));
}

TEST_CASE("a third of wild values does not move the Theil-Sen slope") {
    std::vector<double> x, y;
    for (int i = 0; i < 100; ++i) {
        x.push_back(i);
        y.push_back(i % 5 == 0 ? 1e6 : 2. * i);
    }
    CHECK(theil_sen_slope(x, y) == doctest::Approx(2).epsilon(.02));
}

TEST_CASE("points that share one x have no slope") {
    const std::vector<double> x{3, 3, 3}, y{1, 2, 3};
    CHECK(theil_sen_slope(x, y) == 0);
    CHECK(theil_sen_slope({}, {}) == 0);
}

TEST_CASE("least squares meets NIST's certified values for Longley's collinear data") {
    // https://www.itl.nist.gov/div898/strd/lls/data/Longley.shtml; the condition number of these columns is 4e4, and the
    // ridge costs some parts in a thousand of the least certain coefficient.
    const std::vector<double> employed{60323, 61122, 60171, 61187, 63221, 63639, 64989, 63761,
                                       66019, 67857, 68169, 66513, 68655, 69564, 69331, 70551};
    const std::vector<std::vector<double>> columns = {
        std::vector<double>(16, 1),
        {83.0, 88.5, 88.2, 89.5, 96.2, 98.1, 99.0, 100.0, 101.2, 104.6, 108.4, 110.8, 112.6, 114.2, 115.7, 116.9},
        {234289, 259426, 258054, 284599, 328975, 346999, 365385, 363112, 397469, 419180, 442769, 444546, 482704, 502601, 518173, 554894},
        {2356, 2325, 3682, 3351, 2099, 1932, 1870, 3578, 2904, 2822, 2936, 4681, 3813, 3931, 4806, 4007},
        {1590, 1456, 1616, 1650, 3099, 3594, 3547, 3350, 3048, 2857, 2798, 2637, 2552, 2514, 2572, 2827},
        {107608, 108632, 109773, 110929, 112075, 113270, 115094, 116219, 117388, 118734, 120445, 121950, 123366, 125368, 127852, 130081},
        {1947, 1948, 1949, 1950, 1951, 1952, 1953, 1954, 1955, 1956, 1957, 1958, 1959, 1960, 1961, 1962}};
    const LeastSquares fit = least_squares(columns, employed);
    const std::vector<double> certified{-3482258.63459582, 15.0618722713733,      -.358191792925910e-01, -2.02022980381683,
                                        -1.03322686717359, -.511041056535807e-01, 1829.15146461355};
    const std::vector<double> deviations{890420.383607373, 84.9149257747669, .334910077722432e-01, .488399681651699,
                                         .214274163161675, .226073200069370, 455.478499142212};
    const double residual_variance = fit.residual_sum / (16 - 7);
    CHECK(std::sqrt(residual_variance) == doctest::Approx(304.854073561965).epsilon(1e-3));
    for (std::size_t i = 0; i < certified.size(); ++i) {
        CAPTURE(i);
        const double deviation = std::sqrt(residual_variance * fit.unscaled_variances[i]);
        CHECK(deviation == doctest::Approx(deviations[i]).epsilon(.01));
        CHECK(std::fabs(fit.coefficients[i] - certified[i]) < .02 * deviations[i]);
    }
}

TEST_CASE("columns that depend on each other get a large variance instead of nonsense") {
    std::vector<std::vector<double>> columns(3, std::vector<double>(20, 1));
    std::vector<double> y;
    for (std::size_t i = 0; i < 20; ++i) {
        columns[1][i] = static_cast<double>(i);
        columns[2][i] = 2. * static_cast<double>(i);
        y.push_back(3. + 4. * static_cast<double>(i));
    }
    const LeastSquares fit = least_squares(columns, y);
    CHECK(fit.coefficients[1] + 2 * fit.coefficients[2] == doctest::Approx(4).epsilon(1e-6));
    CHECK(fit.unscaled_variances[1] > 1e6);
}
