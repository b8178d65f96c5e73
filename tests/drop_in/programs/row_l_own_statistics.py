"""Row L: statistics of the user's own print to the log, and histograms take value_units_per_bucket."""

import shown

import paramsurvey
import paramsurvey.stats


def main():
    paramsurvey.init(ncores=1, verbose=0)
    stats = paramsurvey.stats.PerfStats()
    stats.combine_stats({"reading": [0.010, 0.012, 0.030], "fitting": [2.0, 4.0]})
    with paramsurvey.stats.record_wallclock("body", obj=stats):
        pass
    count, mean, histogram = stats.read_stats("reading")
    shown.value("reading", [int(count), round(mean, 6), histogram.get_total_count()])
    shown.value("names", sorted(stats.all_stat_names()))
    stats.print_percentiles()
    stats.print_histogram("reading", value_units_per_bucket=10)
    stats.print_histogram("nobody", value_units_per_bucket=10)
    stats.print_histogram("reading", 5)
    stats.print_histograms()
    stats.print_percentile("fitting", stderr=True)


if __name__ == "__main__":
    main()
