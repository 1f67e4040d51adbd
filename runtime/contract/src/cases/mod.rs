//! The cases, one line each.
mod egress;
mod ending;
mod images;
mod limits;
mod links;
mod logs;
mod rights;
mod servers;
mod streams;
mod volumes;

use std::pin::Pin;

use crate::story::Story;

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: for<'a> fn(&'a Story) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>,
}

macro_rules! cases {
    ($($place:ident::$name:ident),* $(,)?) => {
        /// All of them, in this order.
        pub(crate) fn all() -> Vec<Case> {
            vec![$(Case {
                name: stringify!($name),
                run: |story| Box::pin($place::$name(story)),
            }),*]
        }
    };
}

cases![
    images::a_pod_runs_says_something_and_ends,
    images::the_spec_takes_the_place_of_the_images_words,
    images::words_are_passed_as_they_are,
    images::an_image_that_is_there_is_not_fetched_again,
    images::an_image_is_pulled_by_many_at_once,
    images::a_layer_with_another_digest_is_refused,
    streams::commands_run_in_a_container,
    streams::a_terminal_has_a_size,
    streams::commands_that_have_ended_leave_nothing_open,
    streams::bytes_go_both_ways_at_once,
    streams::whoever_attaches_talks_to_the_first_process,
    logs::a_log_is_read_in_parts,
    logs::a_log_is_followed_to_its_end,
    logs::a_long_line_stays_one,
    volumes::files_change_all_at_once,
    volumes::of_two_files_with_one_name_the_last_counts,
    volumes::containers_share_an_empty_directory,
    volumes::memory_has_a_limit,
    volumes::parts_of_volumes_are_mounted,
    volumes::persistent_data_outlives_its_pod,
    rights::users_and_groups_are_those_of_the_spec,
    rights::a_root_that_cannot_be_written_is_not,
    rights::capabilities_are_those_of_the_spec,
    rights::root_is_refused_where_it_must_not_be,
    rights::nothing_of_the_host_is_seen,
    limits::limits_are_those_of_the_kernel,
    limits::who_takes_too_much_memory_is_killed,
    limits::usage_is_measured,
    ending::last_words_are_read_from_their_file,
    ending::what_cannot_be_started_says_why,
    ending::a_program_that_its_owner_alone_may_run_has_the_usual_signals,
    ending::a_signal_ends_it_gracefully,
    ending::who_does_not_listen_is_killed,
    ending::a_container_is_restarted_and_its_last_log_is_kept,
    links::a_new_link_to_a_sandbox_ends_the_one_before_it,
    links::a_service_leads_to_its_pod,
    egress::pods_reach_other_machines_and_are_not_seen_there,
    egress::a_way_out_outlives_its_server,
    egress::pods_reach_this_machine_by_its_name,
    servers::pods_outlive_their_server,
    servers::a_pod_whose_sandbox_was_killed_comes_back,
    servers::every_call_may_be_made_twice,
    servers::what_was_made_for_another_sandbox_or_image_is_made_anew,
    servers::a_pod_knows_its_full_name,
    servers::pods_reach_each_other,
];
