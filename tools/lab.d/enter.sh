# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# Part of tools/lab: running a command in the lab. Sourced.

# The names at the root of a Debian system that are links into /usr.
ROOT_LINKS='bin lib lib32 lib64 libx32 sbin'

# enter CMD…: replaces this process by CMD in the lab.
enter()
{
	if native || inside; then exec "$@"; fi
	# Held for as long as the command runs: see remove_old.
	exec 8>>"$cache/in-use"
	flock -s 8
	case $(way_in) in
	bubblewrap) enter_bubblewrap "$@" ;;
	mounts) enter_by_hand "$@" ;;
	*) die "cannot enter the lab: bubblewrap finds no user namespaces (sysctl kernel.unprivileged_userns_clone=1 or kernel.apparmor_restrict_unprivileged_userns=0 allow them; root needs none)" ;;
	esac
}

# in_lab CMD…: runs CMD in the lab and returns its exit status.
in_lab() { (enter "$@"); }

way_in()
{
	if native; then
		echo native
	elif bwrap --ro-bind / / --unshare-pid --proc /proc true 2>/dev/null; then
		echo bubblewrap
	elif [ "$(id -u)" -eq 0 ] && unshare --mount --pid --fork true 2>/dev/null; then
		echo mounts
	fi
}

# Folders of the host that keep their paths: those with the sources, what git needs to know about them,
# the cache, the working directory, and what the user names.
shown_folders()
{
	local git
	echo "$checkout"
	echo "$cache"
	git=$(git -C "$checkout" rev-parse --path-format=absolute --git-common-dir 2>/dev/null || true)
	[ -z "$git" ] || echo "$git"
	case $PWD/ in
	/ | /usr/* | /etc/* | /bin/* | /sbin/* | /lib/* | /proc/* | /sys/* | /dev/* | /run/*) ;;
	*) pwd -P ;;
	esac
	[ -z "${VIRTIOGPUD_BIND:-}" ] || tr ':' '\n' <<<"$VIRTIOGPUD_BIND"
}

# The folders of shown_folders that no other one of them (or /tmp, /var/tmp) holds already.
mounted_folders()
{
	shown_folders | sort -u | awk '
		BEGIN { kept[n++] = "/tmp"; kept[n++] = "/var/tmp" }
		{
			for (i = 0; i < n; i++)
				if (index($0 "/", kept[i] "/") == 1)
					next
			kept[n++] = $0
			print
		}'
}

# The environment of commands: the user's, less what would lead them out of the lab.
set_environment()
{
	local name
	for name in $(compgen -e LC_) LANGUAGE LD_LIBRARY_PATH LD_PRELOAD PERL5LIB PYTHONHOME PYTHONPATH \
		PKG_CONFIG_PATH PKG_CONFIG_LIBDIR VK_DRIVER_FILES VK_ICD_FILENAMES; do
		unset "$name"
	done
	mkdir -p "$cache/home"
	export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	export LANG=C.UTF-8 HOME=$cache/home TMPDIR=/tmp XDG_RUNTIME_DIR=/run/user/$UID
	export XDG_CACHE_HOME=$cache/home/.cache VIRTIOGPUD_CACHE=$cache VIRTIOGPUD_IN_LAB=1
	export VIRTIOGPUD_LAB=${lab##*/}
	# The checkout may belong to somebody else than who runs the lab.
	export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory 'GIT_CONFIG_VALUE_0=*'
}

# The user's session, so that windows can open on their screen: the folder of its sockets.
session_folder()
{
	local folder=${XDG_RUNTIME_DIR:-}
	if [ -n "$folder" ] && [ -d "$folder" ] && [ -O "$folder" ]; then readlink -f -- "$folder"; fi
}

enter_bubblewrap()
{
	local args f session xauthority
	session=$(session_folder)
	xauthority=${XAUTHORITY:-${HOME:-/root}/.Xauthority}
	args=(--die-with-parent --unshare-pid --sync-fd 8 --tmpfs / --ro-bind "$lab/usr" /usr)
	for f in $ROOT_LINKS; do
		[ ! -L "$lab/$f" ] || args+=(--symlink "$(readlink -- "$lab/$f")" "/$f")
	done
	args+=(--ro-bind "$lab/etc" /etc --ro-bind "$lab/var" /var --bind /var/tmp /var/tmp)
	for f in passwd group hosts resolv.conf; do
		[ ! -r "/etc/$f" ] || args+=(--ro-bind "$(readlink -f "/etc/$f")" "/etc/$f")
	done
	args+=(--dev-bind /dev /dev --proc /proc --ro-bind /sys /sys --bind /tmp /tmp)
	args+=(--perms 0755 --tmpfs /run)
	if [ -n "$session" ]; then
		args+=(--bind "$session" "/run/user/$UID")
	else
		args+=(--perms 0700 --tmpfs "/run/user/$UID")
	fi
	while read -r f; do
		args+=(--bind "$f" "$f")
	done < <(mounted_folders)
	if [ -n "${DISPLAY:-}" ] && [ -r "$xauthority" ]; then
		args+=(--ro-bind "$xauthority" /run/xauthority --setenv XAUTHORITY /run/xauthority)
	fi
	args+=(--chdir "$(pwd -P)")
	set_environment
	if [ "$(id -u)" -eq 0 ]; then
		# For root, bubblewrap covers parts of /proc, and below a /proc like that no sandbox could have
		# one of its own.
		set -- sh -c 'mount -t proc proc /proc && exec "$@"' sh "$@"
	fi
	exec bwrap "${args[@]}" "$@"
}

# The same by hand, for root on machines where bubblewrap fails.
enter_by_hand()
{
	local mounts f session
	session=$(session_folder)
	mounts=$(mktemp)
	{
		echo "/usr ro $lab/usr"
		echo "/etc ro $lab/etc"
		echo "/var ro $lab/var"
		for f in passwd group hosts resolv.conf; do
			[ ! -r "/etc/$f" ] || echo "/etc/$f ro $(readlink -f "/etc/$f")"
		done
		printf '%s\n' '/var/tmp rw /var/tmp' '/dev rw /dev' '/sys ro /sys' '/tmp rw /tmp'
		[ -z "$session" ] || echo "/run/user/$UID rw $session"
		mounted_folders | sed 's/.*/& rw &/'
	} >"$mounts"
	set_environment
	mkdir -p "$cache/root"
	export LAB_ROOT=$lab LAB_MOUNT_POINT=$cache/root LAB_MOUNTS=$mounts LAB_LINKS=$ROOT_LINKS
	exec setpriv --pdeathsig KILL -- unshare --mount --pid --fork --kill-child --propagation private \
		bash "$checkout/tools/lab.d/put-together" "$@"
}
