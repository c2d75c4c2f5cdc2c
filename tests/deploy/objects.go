package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
)

// objects are what was rendered, by kind: there is one of each.
type objects map[string]runtime.Object

// decode reads documents as the API server does that is told to be strict; what it would complain of.
func decode(documents []byte) (objects, []string) {
	found, faults := objects{}, []string(nil)
	strict := serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict)
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(documents)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return found, faults
		}
		if len(bytes.TrimSpace(document)) == 0 {
			continue
		}
		versioned, kind, err := strict.UniversalDeserializer().Decode(document, nil, nil)
		if err != nil {
			faults = append(faults, err.Error())
			continue
		}
		found[kind.Kind] = versioned
		for _, fault := range validate(versioned.DeepCopyObject()) {
			faults = append(faults, fmt.Sprintf("%s: %s", kind.Kind, fault))
		}
	}
}

// validate does what the API server does before it stores an object that is created.
func validate(versioned runtime.Object) field.ErrorList {
	legacyscheme.Scheme.Default(versioned)
	object, err := legacyscheme.Scheme.ConvertToVersion(versioned, runtime.InternalGroupVersioner)
	if err != nil {
		return field.ErrorList{field.InternalError(nil, err)}
	}
	switch object := object.(type) {
	case *core.Namespace:
		return corevalidation.ValidateNamespace(object)
	case *core.ServiceAccount:
		return corevalidation.ValidateServiceAccount(object)
	case *core.ConfigMap:
		return corevalidation.ValidateConfigMap(object)
	case *apps.DaemonSet:
		return appsvalidation.ValidateDaemonSet(object, corevalidation.PodValidationOptions{})
	default:
		return field.ErrorList{field.InternalError(nil, fmt.Errorf("%T is not expected here", object))}
	}
}

func (all objects) pod() corev1.PodSpec {
	if set, there := all["DaemonSet"].(*appsv1.DaemonSet); there {
		return set.Spec.Template.Spec
	}
	return corev1.PodSpec{Containers: []corev1.Container{{SecurityContext: &corev1.SecurityContext{}}}}
}

// rights says what the pod may that it should not.
func (all objects) rights(what string) (faults []string) {
	pod, account := all.pod(), all["ServiceAccount"].(*corev1.ServiceAccount)
	for name, token := range map[string]*bool{"pod": pod.AutomountServiceAccountToken, "account": account.AutomountServiceAccountToken} {
		if token == nil || *token {
			faults = append(faults, "a token of the API is mounted by the "+name)
		}
	}
	if !pod.HostPID || !pod.HostNetwork {
		faults = append(faults, "not in the node's pid and network namespaces")
	}
	may, _ := json.Marshal(pod.Containers[0].SecurityContext)
	wanted := `"capabilities":{"add":["BPF","PERFMON"],"drop":["ALL"]}`
	if strings.Contains(what, "privileged") {
		wanted = `{"privileged":true,"runAsUser":0,"runAsGroup":0`
	}
	if !strings.Contains(string(may), wanted) {
		faults = append(faults, fmt.Sprintf("%s is not in %s", wanted, may))
	}
	return faults
}

// values are those that main has set.
func (all objects) values() (faults []string) {
	text, _ := json.Marshal(all)
	for _, wanted := range []string{`"config.yaml":"receivers: {}`, `tfo-agent:x"`, `"priorityClassName":"p"`, `"hostPort":9464`} {
		if !strings.Contains(string(text), wanted) {
			faults = append(faults, wanted+" is not in it")
		}
	}
	return faults
}

// What only Helm's labels and checksum, or only kustomize's hash, say.
var (
	ofHelm = regexp.MustCompile(`"(app.kubernetes.io/(instance|version|managed-by)|helm.sh/chart|checksum/config)":"[^"]*",?`)
	ofHash = regexp.MustCompile(`"tfo-agent-[0-9a-z]{10}"`)
	commas = regexp.MustCompile(`,}`)
)

// meant is what the objects come to, without what differs by the means of making them; lists by the names in them.
func (all objects) meant() map[string]any {
	meant := map[string]any{}
	for kind, object := range all {
		text, _ := json.Marshal(object)
		text = ofHelm.ReplaceAll(text, nil)
		text = ofHash.ReplaceAll(text, []byte(`"tfo-agent"`))
		text = commas.ReplaceAll(text, []byte("}"))
		var tree any
		if err := json.Unmarshal(text, &tree); err != nil {
			tree = err.Error()
		}
		meant[kind] = named(tree)
	}
	return meant
}

// named makes maps of lists whose items have names: their order means nothing.
func named(tree any) any {
	switch tree := tree.(type) {
	case map[string]any:
		for key, value := range tree {
			tree[key] = named(value)
		}
	case []any:
		items := map[string]any{}
		for _, item := range tree {
			if object, is := item.(map[string]any); is && object["name"] != nil {
				items[fmt.Sprint(object["name"])] = named(item)
			}
		}
		if len(items) == len(tree) && len(items) > 0 {
			return items
		}
	}
	return tree
}
