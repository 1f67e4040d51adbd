package clients

import (
	"context"
	"testing"
	"time"

	authorization "k8s.io/api/authorization/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

func reviewOf(verb string) *authorization.SelfSubjectAccessReview {
	attributes := &authorization.ResourceAttributes{Verb: verb, Resource: "pods", Namespace: "default"}
	spec := authorization.SelfSubjectAccessReviewSpec{ResourceAttributes: attributes}
	return &authorization.SelfSubjectAccessReview{Spec: spec}
}

// TestLeadersAreElected lets two stand for election; the second leads when the first one goes.
func TestLeadersAreElected(t *testing.T) {
	config, _ := configure(t)
	client, err := kubernetes.NewForConfig(config)
	check(t, err)
	leads := make(chan string, 10)
	stand := func(name string) context.CancelFunc {
		ctx, cancel := context.WithCancel(context.Background())
		lock := &resourcelock.LeaseLock{
			LeaseMeta:  meta.ObjectMeta{Name: "election", Namespace: "default"},
			Client:     client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: name},
		}
		elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
			Lock: lock, LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 200 * time.Millisecond,
			ReleaseOnCancel: true,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { leads <- name },
				OnStoppedLeading: func() {},
			},
		})
		check(t, err)
		go elector.Run(ctx)
		return cancel
	}
	next := func(wanted string) {
		t.Helper()
		select {
		case found := <-leads:
			if found != wanted {
				t.Fatalf("%s leads, not %s", found, wanted)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("%s never leads", wanted)
		}
	}
	resign := stand("first")
	next("first")
	defer stand("second")()
	lease, err := client.CoordinationV1().Leases("default").Get(context.Background(), "election", meta.GetOptions{})
	check(t, err)
	if *lease.Spec.HolderIdentity != "first" || *lease.Spec.LeaseDurationSeconds != 3 {
		t.Errorf("%+v", lease.Spec)
	}
	resign()
	next("second")
	lease, err = client.CoordinationV1().Leases("default").Get(context.Background(), "election", meta.GetOptions{})
	check(t, err)
	if *lease.Spec.HolderIdentity != "second" || *lease.Spec.LeaseTransitions < 1 {
		t.Errorf("%+v", lease.Spec)
	}
}
