//! Who keeps a place among the streams that are known, who loses it, and that nothing is told twice.

use super::*;

/// `points` of a metric `name` of a source.
fn from(source: i64, name: &str, points: &[(i64, u64, u64, u64)]) -> Batch {
    let mut batch = counters(points);
    let own = vec![("source".into(), AttributeValue::Int(source))];
    batch.resources[0].resource = Arc::new(Resource { attributes: own.into_iter().collect(), ..Resource::default() });
    let metric = &mut batch.resources[0].scopes[0].metrics[0];
    metric.descriptor = Arc::new(Descriptor { name: name.to_owned().into(), ..(*metric.descriptor).clone() });
    batch
}

/// What goes out of a batch in parts, and how many points do not.
fn in_parts(differences: &mut Differences, parts: &[Batch]) -> (Vec<u64>, usize) {
    let (mut values, mut left_out) = (Vec::new(), 0);
    launch(differences, parts);
    for part in parts {
        let since = differences.since(part);
        differences.commit(part);
        values.extend(sent(&since).into_iter().map(|(.., value)| value));
        left_out += since.left_out;
    }
    (values, left_out)
}

fn whole(differences: &mut Differences, batch: Batch) -> (Vec<u64>, usize) {
    in_parts(differences, &[batch])
}

#[test]
fn places_of_a_source_that_went_are_given_to_others() {
    let mut differences = Differences::new(Limits { streams: 4, ..LIMITS });
    let gone = |time, value| from(1, "m", &[1, 2, 3, 4].map(|id| (id, 1, time, value)));
    assert_eq!(whole(&mut differences, gone(MINUTE, 5)), (vec![5; 4], 0));
    let here = |minute| from(2, "m", &[11, 12].map(|id| (id, 1, minute * MINUTE, minute)));
    for minute in 2..20 {
        let told = whole(&mut differences, here(minute));
        if minute > 7 {
            assert_eq!(told, (vec![1; 2], 0), "{minute}");
        }
    }
    // It comes again: no more had to leave than were in the way, and nothing is told twice.
    assert_eq!(whole(&mut differences, gone(20 * MINUTE, 6)), (vec![1; 2], 2));
}

#[test]
fn metrics_of_sources_that_went_do_not_pile_up() {
    let mut differences = Differences::new(Limits { streams: 10, ..LIMITS });
    for source in 1..500 {
        whole(&mut differences, from(source, "m", &[(1, 1, source.cast_unsigned() * MINUTE, 5)]));
        assert!(differences.streams() <= 10);
    }
    assert!(differences.numbers.iter().count() <= 11, "{}", differences.numbers.iter().count());
}

#[test]
fn a_source_is_remembered_for_hours_and_forgotten_after_a_day() {
    let mut differences = Differences::new(LIMITS);
    for (hours, left) in [(6, 2), (25, 1)] {
        whole(&mut differences, from(1, "m", &[(1, 1, MINUTE, hours)]));
        for minute in 1..hours * 60 {
            whole(&mut differences, from(2, "m", &[(1, 1, minute * MINUTE, minute)]));
        }
        assert_eq!((differences.streams(), differences.numbers.iter().count()), (left, left), "{hours} hours");
    }
}

#[test]
fn who_waits_behind_a_far_side_that_is_away_for_days_has_not_gone() {
    let mut differences = Differences::new(LIMITS);
    for source in [1, 2] {
        whole(&mut differences, from(source, "m", &[(1, 1, MINUTE, 5)]));
    }
    for minute in 0..5 {
        whole(&mut differences, from(1, "m", &[(1, 1, (5000 + minute) * MINUTE, 6 + minute)]));
    }
    assert_eq!(whole(&mut differences, from(2, "m", &[(1, 1, 5006 * MINUTE, 9)])), (vec![4], 0));
}

#[test]
fn a_batch_in_parts_is_one_batch_to_those_in_each_of_them() {
    let mut differences = Differences::new(LIMITS);
    for round in 0..12 {
        let time = (1 + round * 6) * MINUTE;
        let parts = [1, 2, 3, 4].map(|id| counters(&[(id, 1, time, 10 + round)]));
        let news = if round == 0 { 10 } else { 1 };
        assert_eq!(in_parts(&mut differences, &parts), (vec![news; 4], 0), "round {round}");
    }
}

#[test]
fn near_the_limit_those_of_later_parts_keep_their_places() {
    let mut differences = Differences::new(Limits { streams: 10, ..LIMITS });
    for round in 0..12 {
        let part = |ids: [i64; 4]| counters(&ids.map(|id| (id, 1, (1 + round) * MINUTE, 10 + round)));
        let news = if round == 0 { 10 } else { 1 };
        let parts = [part([1, 2, 3, 4]), part([5, 6, 7, 8])];
        assert_eq!(in_parts(&mut differences, &parts), (vec![news; 8], 0), "round {round}");
    }
}

#[test]
fn those_that_are_refused_for_long_are_not_forgotten() {
    let mut differences = Differences::new(LIMITS);
    assert_eq!(whole(&mut differences, counters(&[(1, 1, MINUTE, 5), (2, 1, MINUTE, 5)])), (vec![5, 5], 0));
    for minute in 2..20 {
        let parts = [counters(&[(1, 1, minute * MINUTE, 6)]), counters(&[(2, 1, minute * MINUTE, 5 + minute)])];
        launch(&mut differences, &parts);
        differences.commit(&parts[0]);
    }
    assert_eq!(whole(&mut differences, counters(&[(1, 1, 20 * MINUTE, 7), (2, 1, 20 * MINUTE, 30)])), (vec![1, 25], 0));
}

#[test]
fn a_total_of_folded_streams_is_known_however_long_nothing_is_folded() {
    let mut differences = Differences::new(LIMITS);
    let total = |value| {
        let mut batch = counters(&[(0, 1, MINUTE, value)]);
        let points = &mut batch.resources[0].scopes[0].metrics[0].points;
        points.change(|points| points[0].attributes = Arc::new(crate::overflow::folded(&stream(0))));
        batch
    };
    let deltas = |since: Since| since.batch.metrics().flat_map(|it| &it.points).map(|it| it.bits).collect::<Vec<_>>();
    assert_eq!(deltas(differences.since(&total(5))), [5]);
    differences.commit(&total(5));
    for minute in 2..20 {
        whole(&mut differences, counters(&[(1, 1, minute * MINUTE, minute)]));
    }
    assert_eq!(deltas(differences.since(&total(8))), [3]);
}

#[test]
fn equal_attributes_of_another_metric_are_another_stream() {
    let mut differences = Differences::new(Limits { streams: 1, ..LIMITS });
    let at = |minute, value| [(1, 1, minute * MINUTE, value)];
    for (source, name) in [(1, "a"), (1, "b"), (1, "c"), (2, "a")] {
        assert_eq!(whole(&mut differences, from(source, name, &at(1, 5))), (vec![5], 0), "{source} {name}");
    }
    // Nobody of them is told whole again.
    for (source, name) in [(1, "b"), (1, "c"), (2, "a")] {
        assert_eq!(whole(&mut differences, from(source, name, &at(2, 6))), (vec![], 1), "{source} {name}");
    }
}

#[test]
fn who_lost_a_place_and_began_anew_is_told_whole() {
    let mut differences = Differences::new(Limits { streams: 1, ..LIMITS });
    assert_eq!(whole(&mut differences, counters(&[(1, 1, MINUTE, 5)])), (vec![5], 0));
    assert_eq!(whole(&mut differences, counters(&[(2, 1, 2 * MINUTE, 5)])), (vec![5], 0));
    assert_eq!(whole(&mut differences, counters(&[(1, 3 * MINUTE - 1, 3 * MINUTE, 4)])), (vec![4], 0));
}

#[test]
fn what_is_remembered_of_those_without_a_place_is_bounded() {
    let mut differences = Differences::new(Limits { streams: 10, ..LIMITS });
    for round in 0..100_u64 {
        let new = |id: i64| (10_i64 * round.cast_signed() + id, 1, (1 + round) * MINUTE, 1);
        assert_eq!(whole(&mut differences, counters(&[1, 2, 3, 4, 5, 6, 7, 8].map(new))), (vec![1; 8], 0));
    }
    assert!(differences.evicted.len() <= 80, "{}", differences.evicted.len());
}
