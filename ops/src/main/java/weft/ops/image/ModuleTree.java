package weft.ops.image;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// The kernel's modules, and what must be loaded before what (depmod's job, which Debian leaves to
/// the machine that installs the package).
final class ModuleTree {
    private final Map<String, KernelModule> byName = new TreeMap<>();
    private final Map<String, String> aliases = new HashMap<>();

    /// @param files `.ko.xz` files by path
    ModuleTree(Map<String, byte[]> files) throws IOException {
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            KernelModule module = KernelModule.parse(file.getKey(), file.getValue());
            byName.put(module.name(), module);
            for (String alias : module.aliases()) {
                aliases.put(alias.replace('-', '_'), module.name());
            }
        }
    }

    /// All modules, by name.
    Collection<KernelModule> all() {
        return byName.values();
    }

    /// The modules and all they need, each after what it needs.
    List<KernelModule> loadOrder(Collection<String> names) throws IOException {
        Set<String> ordered = new LinkedHashSet<>();
        for (String name : names) {
            visit(name, ordered, new LinkedHashSet<>());
        }
        var modules = new ArrayList<KernelModule>();
        for (String name : ordered) {
            modules.add(module(name));
        }
        return modules;
    }

    private void visit(String name, Set<String> ordered, Set<String> path) throws IOException {
        if (ordered.contains(name)) {
            return;
        }
        if (!path.add(name)) {
            throw new IOException("kernel modules need each other in a circle: " + path);
        }
        KernelModule module = module(name);
        for (String need : module.needs()) {
            visit(need, ordered, path);
        }
        // A soft dependency may be built in, or be a name that some module answers to.
        for (String need : module.softNeeds()) {
            String answering = aliases.getOrDefault(need, need);
            if (byName.containsKey(answering) && !path.contains(answering)) {
                visit(answering, ordered, path);
            }
        }
        path.remove(name);
        ordered.add(name);
    }

    private KernelModule module(String name) throws IOException {
        KernelModule module = byName.get(name);
        if (module == null) {
            throw new IOException("the kernel package has no module " + name);
        }
        return module;
    }
}
