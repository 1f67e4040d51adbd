package clients

import (
	"context"
	"fmt"
	"math/rand"
	"reflect"
	"sync"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// model is what the informer's handlers were told.
type model struct {
	sync.Mutex
	there    map[string]string // name to revision
	problems []string
	resyncs  int
}

func (m *model) add(object any, _ bool) {
	one := object.(*core.ConfigMap)
	m.Lock()
	defer m.Unlock()
	if _, known := m.there[one.Name]; known {
		m.problems = append(m.problems, "added twice: "+one.Name)
	}
	m.there[one.Name] = one.ResourceVersion
}

func (m *model) update(old, object any) {
	was, one := old.(*core.ConfigMap), object.(*core.ConfigMap)
	m.Lock()
	defer m.Unlock()
	if m.there[one.Name] != was.ResourceVersion {
		problem := fmt.Sprintf("%s: from %s, not %s", one.Name, m.there[one.Name], was.ResourceVersion)
		m.problems = append(m.problems, problem)
	}
	if was.ResourceVersion == one.ResourceVersion {
		m.resyncs++
	}
	m.there[one.Name] = one.ResourceVersion
}

func (m *model) remove(object any) {
	if late, unknown := object.(cache.DeletedFinalStateUnknown); unknown {
		object = late.Obj
	}
	m.Lock()
	defer m.Unlock()
	delete(m.there, object.(*core.ConfigMap).Name)
}

func (m *model) snapshot() map[string]string {
	m.Lock()
	defer m.Unlock()
	copied := map[string]string{}
	for name, revision := range m.there {
		copied[name] = revision
	}
	return copied
}

// write makes random changes.
func write(t *testing.T, client kubernetes.Interface, steps int) {
	ctx := context.Background()
	maps := client.CoreV1().ConfigMaps("default")
	random := rand.New(rand.NewSource(7))
	var there []string
	for step := range steps {
		roll := random.Intn(10)
		switch {
		case roll < 3 || len(there) == 0:
			name := fmt.Sprintf("m%d", step)
			_, err := maps.Create(ctx, mine(name), meta.CreateOptions{})
			check(t, err)
			there = append(there, name)
		case roll < 8:
			name := there[random.Intn(len(there))]
			patch := fmt.Sprintf(`{"data":{"n":"%d"}}`, step)
			_, err := maps.Patch(ctx, name, types.MergePatchType, []byte(patch), meta.PatchOptions{})
			check(t, err)
		default:
			at := random.Intn(len(there))
			check(t, maps.Delete(ctx, there[at], meta.DeleteOptions{}))
			there = append(there[:at], there[at+1:]...)
		}
	}
}

func listed(t *testing.T, client kubernetes.Interface) map[string]string {
	chosen := meta.ListOptions{LabelSelector: "mine=yes"}
	list, err := client.CoreV1().ConfigMaps("default").List(context.Background(), chosen)
	check(t, err)
	found := map[string]string{}
	for _, one := range list.Items {
		found[one.Name] = one.ResourceVersion
	}
	return found
}

func informersKnowWhatTheListSays(t *testing.T, streaming bool) {
	config, requests := configure(t)
	client, err := kubernetes.NewForConfig(config)
	check(t, err)
	for _, name := range []string{"a", "b", "c"} {
		_, err := client.CoreV1().ConfigMaps("default").Create(context.Background(), mine(name), meta.CreateOptions{})
		check(t, err)
	}
	chosen := func(options *meta.ListOptions) { options.LabelSelector = "mine=yes" }
	factory := informers.NewSharedInformerFactoryWithOptions(client, time.Second,
		informers.WithNamespace("default"), informers.WithTweakListOptions(chosen))
	told := &model{there: map[string]string{}}
	informer := factory.Core().V1().ConfigMaps()
	_, err = informer.Informer().AddEventHandler(cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: told.add, UpdateFunc: told.update, DeleteFunc: told.remove,
	})
	check(t, err)
	// Others only have to come to their caches.
	factory.Core().V1().Pods().Informer()
	factory.Core().V1().Services().Informer()
	factory.Apps().V1().Deployments().Informer()
	factory.Coordination().V1().Leases().Informer()
	factory.Discovery().V1().EndpointSlices().Informer()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			t.Fatalf("%v: not synced", kind)
		}
	}
	write(t, client, 200)
	until(t, "the handlers know what the list says", func() bool {
		return reflect.DeepEqual(told.snapshot(), listed(t, client))
	})
	cached, err := informer.Lister().ConfigMaps("default").List(labels.Everything())
	check(t, err)
	if len(cached) != len(listed(t, client)) {
		t.Errorf("%d in the cache", len(cached))
	}
	until(t, "what is there is told again", func() bool {
		told.Lock()
		defer told.Unlock()
		return told.resyncs >= len(told.there)
	})
	if len(told.problems) > 0 {
		t.Error(told.problems)
	}
	// Each informer asked in the way that it was told to, and did not fall back.
	if lists := requests.count("sendInitialEvents=true"); (lists == 6) != streaming || lists > 6 {
		t.Errorf("%d streaming lists: %v", lists, requests.all())
	}
}

func TestInformersThatList(t *testing.T) {
	t.Setenv("KUBE_FEATURE_WatchListClient", "false")
	informersKnowWhatTheListSays(t, false)
}

func TestInformersThatStreamTheirList(t *testing.T) {
	t.Setenv("KUBE_FEATURE_WatchListClient", "true")
	informersKnowWhatTheListSays(t, true)
}
