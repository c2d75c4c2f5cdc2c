// Command deploy checks what deploy/ gives to a cluster, without a cluster: the kustomizations and the chart are
// rendered by kustomize's and Helm's own libraries, then decoded, defaulted and validated by the code of Kubernetes'
// API server, and compared with each other.
//
//	deploy DIRECTORY    the checkout's deploy/
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"k8s.io/kubernetes/pkg/capabilities"
)

type check struct{ passed, failed int }

// that says what was looked at, and what is wrong with it.
func (c *check) that(what string, faults ...string) {
	if len(faults) == 0 {
		c.passed++
		fmt.Println("ok  ", what)
		return
	}
	c.failed++
	fmt.Println("FAIL", what)
	for _, fault := range faults {
		fmt.Println("    ", fault)
	}
}

// refused says whether each of several mistakes was found, by a word of it.
func (c *check) refused(what string, faults []string, words ...string) {
	var missed []string
	for _, word := range words {
		if !strings.Contains(strings.Join(faults, " "), word) {
			missed = append(missed, fmt.Sprintf("nothing about %s in %v", word, faults))
		}
	}
	c.that("refused: "+what, missed...)
}

// of renders something, validates it, and returns its objects by kind and name.
func (c *check) of(what string, documents []byte, err error) objects {
	if err != nil {
		c.that(what+": renders", err.Error())
		return nil
	}
	found, faults := decode(documents)
	if found["DaemonSet"] == nil || found["ServiceAccount"] == nil {
		c.that(what+": has a DaemonSet and a ServiceAccount", append(faults, "one is missing")...)
		return nil
	}
	c.that(fmt.Sprintf("%s: the API server takes all %d objects", what, len(found)), faults...)
	c.that(what+": two capabilities and no rights in the API, or privileged where that is asked for", found.rights(what)...)
	return found
}

func main() {
	// As every cluster that runs a kube-proxy does.
	capabilities.Initialize(capabilities.Capabilities{AllowPrivileged: true})
	deploy, c := os.Args[1], &check{}
	chart := filepath.Join(deploy, "helm", "tfo-agent")
	for _, pair := range [][2]string{{"base", ""}, {"privileged", "privileged=true"}} {
		overlay, set := pair[0], pair[1]
		documents, err := kustomize(filepath.Join(deploy, "kubernetes", overlay))
		plain := c.of("kubernetes/"+overlay, documents, err)
		documents, err = helm(chart, set)
		charted := c.of("helm for "+overlay, documents, err)
		delete(plain, "Namespace") // Helm's is made by --create-namespace
		c.that("helm for "+overlay+" is kubernetes/"+overlay, differences(plain.meant(), charted.meant())...)
	}
	documents, err := helm(chart, "privileged=true,config=receivers: {},image.tag=x,priorityClassName=p,metricsPort=9464")
	other := c.of("helm with values privileged", documents, err)
	if other != nil {
		c.that("helm with values: they are in it", other.values()...)
	}
	_, err = helm(chart, "imagee.tag=x")
	c.refused("a value that the chart does not know", []string{fmt.Sprint(err)}, "imagee")
	_, faults := decode([]byte(broken))
	c.refused("a field, a type and a value that are wrong", faults, "automountToken", "minReadySeconds", "A_b")
	fmt.Printf("%d passed, %d failed\n", c.passed, c.failed)
	if c.failed > 0 {
		os.Exit(1)
	}
}

// What must not pass: an unknown field, a number that is a text, a name that is none.
const broken = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: a, namespace: b}
automountToken: false
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: a, namespace: b}
spec: {minReadySeconds: "1"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: A_b, namespace: b}
`

// differences names what is in one and not in the other.
func differences(plain, charted map[string]any) []string {
	var faults []string
	for kind, object := range plain {
		faults = append(faults, diff(kind, object, charted[kind])...)
	}
	for kind := range charted {
		if _, there := plain[kind]; !there {
			faults = append(faults, kind+": only in the chart")
		}
	}
	return faults
}

func diff(at string, a, b any) []string {
	left, isMap := a.(map[string]any)
	right, both := b.(map[string]any)
	if !isMap || !both {
		if reflect.DeepEqual(a, b) {
			return nil
		}
		return []string{fmt.Sprintf("%s: %v, in the chart %v", at, a, b)}
	}
	var faults []string
	for key := range left {
		faults = append(faults, diff(at+"."+key, left[key], right[key])...)
	}
	for key := range right {
		if _, there := left[key]; !there {
			faults = append(faults, fmt.Sprintf("%s.%s: only in the chart: %v", at, key, right[key]))
		}
	}
	return faults
}
