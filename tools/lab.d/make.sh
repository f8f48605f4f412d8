# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# Part of tools/lab: making the lab and the guest image. Sourced.

# --- one at a time, nothing left behind --------------------------------------------------------------

work=
child=

# with_lock FUNCTION…: calls it with the cache's lock held, leftovers of earlier tries removed, and a
# folder $work for temporary files, which goes when we do.
with_lock()
{
	mkdir -p "$cache/log" 2>/dev/null || die "cannot write $cache: set VIRTIOGPUD_CACHE to a folder to keep the lab in"
	exec 9>>"$cache/lock"
	flock -n 9 || { say "somebody else is at work in $cache: waiting"; flock 9; }
	trap clean_up EXIT
	trap 'exit 130' INT TERM HUP
	local scratch
	scratch=/var/tmp/virtiogpud-lab-$(digest <<<"$UID $cache")
	remove_tree "$cache"/partial-* "$scratch".*
	# Not in the cache: other ids than the user's must be able to reach it.
	work=$(mktemp -d "$scratch.XXXXXX")
	chmod 755 "$work"
	"$@"
	clean_up
	trap - EXIT INT TERM HUP
	exec 9>&-
}

clean_up()
{
	if [ -n "$child" ]; then
		[ ! -t 2 ] || echo >&2
		kill -TERM -- "-$child" 2>/dev/null || true
		wait "$child" 2>/dev/null || true
		child=
	fi
	[ -z "$work" ] || remove_tree "$work"
	work=
}

# A root made without privileges has files of subordinate ids while it is being made. As those, its
# contents can be removed; as ourselves, what is empty then.
remove_tree()
{
	local f
	for f in "$@"; do
		[ -e "$f" ] || continue
		rm -rf --one-file-system -- "$f" 2>/dev/null && continue
		mmdebstrap --unshare-helper rm -rf --one-file-system -- "$f" >/dev/null 2>&1 || true
		rm -rf --one-file-system -- "$f" || die "cannot remove $f"
	done
}

# What was made by other recipes goes, unless somebody may be running in them.
remove_old()
{
	local old
	exec 8>>"$cache/in-use"
	if flock -n 8; then
		for old in "$cache"/lab-* "$cache"/guest-* "$cache"/qemu-* "$cache"/proofs-*; do
			[ -d "$old" ] || continue
			case $old in "$lab" | "$guest" | "$qemu" | "$proofs") continue ;; esac
			say "removing $old, made by another recipe"
			mv -T -- "$old" "$cache/partial-old"
			remove_tree "$cache/partial-old"
		done
	fi
	exec 8>&-
}

clean_all()
{
	exec 8>>"$cache/in-use"
	flock -n 8 || die "somebody is running commands in the lab"
	exec 8>&-
	remove_tree "$cache"/lab-* "$cache"/guest-* "$cache"/qemu-* "$cache"/proofs-* "$cache"/log "$cache"/home "$cache"/kvm-* "$cache"/in-use "$cache"/root
	rm -f -- "$cache/lock"
	rmdir -- "$cache" 2>/dev/null || say "other files are left in $cache"
}

# --- showing what goes on ----------------------------------------------------------------------------

step_number=0
step_count=0

# step NAME TITLE CMD…: runs CMD with its output in log/NAME.log; shows number, title and time.
step()
{
	local log=$cache/log/$1.log head start=$SECONDS shown=$SECONDS rc=0
	step_number=$((step_number + 1))
	head="[$step_number/$step_count] $2"
	shift 2
	say "$head"
	# In a process group of its own, so that all of it can be ended. It has the lock, too: when we are
	# killed, it goes on, and the next one waits for it and finds what it made.
	set -m
	"$@" >"$log" 2>&1 </dev/null &
	child=$!
	set +m
	while kill -0 "$child" 2>/dev/null; do
		sleep 0.2
		show_progress
	done
	wait "$child" || rc=$?
	child=
	[ ! -t 2 ] || printf '\r\033[K' >&2
	if [ "$rc" -ne 0 ]; then
		say "$head: failed after $((SECONDS - start)) s. The end of $log:"
		tail -n 25 -- "$log" | sed 's/^/    /' >&2
		exit 1
	fi
	say "$head: done in $((SECONDS - start)) s"
}

show_progress()
{
	local line
	line=$(tail -n 1 -- "$log" | tr -cd '[:print:]' | cut -c1-60)
	if [ -t 2 ]; then
		printf '\r\033[Klab: %d s  %s' $((SECONDS - start)) "$line" >&2
	elif [ $((SECONDS - shown)) -ge 20 ]; then
		shown=$SECONDS
		say "    $((SECONDS - start)) s  $line"
	fi
}

# --- what the host needs -----------------------------------------------------------------------------

host_packages_missing()
{
	command -v mmdebstrap >/dev/null || echo mmdebstrap
	command -v bwrap >/dev/null || echo bubblewrap
	command -v gpg >/dev/null || echo gpg
	keyring >/dev/null || echo debian-archive-keyring
	[ "$(id -u)" -eq 0 ] || command -v newuidmap >/dev/null || echo uidmap
}

keyring()
{
	local f
	for f in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
		[ ! -r "$f" ] || { echo "$f"; return; }
	done
	return 1
}

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }

install_host_packages()
{
	local try
	for try in 1 2 3; do
		# A source of the host's that is out of order is not ours to judge.
		as_root apt-get -o Acquire::Check-Valid-Until=false -o Acquire::Retries=5 update || true
		! as_root env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=5 -y \
			--no-install-recommends install "$@" || return 0
		sleep $((try * 5))
	done
	return 1
}

# Says in one line what is missing, before minutes are spent.
check_host()
{
	local free user
	free=$(df -Pk -- "$cache" | awk 'NR == 2 { print int($4 / 1024) }')
	[ "$free" -ge 5000 ] || die "$cache has $free MB free and 5000 MB are needed (see VIRTIOGPUD_CACHE)"
	[ "$(id -u)" -ne 0 ] || return 0
	user=$(id -un)
	unshare --user true 2>/dev/null || die "unprivileged user namespaces are off: run as root, or allow them (sysctl kernel.unprivileged_userns_clone=1 or kernel.apparmor_restrict_unprivileged_userns=0)"
	grep -qE "^($user|$UID):" /etc/subuid 2>/dev/null || die "$user has no subordinate ids: run as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $user"
}

# --- making --------------------------------------------------------------------------------------------

# make_missing lab|guest|stable-qemu|proofs…: what is missing, in order.
make_missing()
{
	local todo packages=() what
	# Somebody else may have made it while we waited for the lock.
	mapfile -t todo < <(what_is_missing "$@")
	case "${todo[*]}" in
	*lab_root* | *guest_disk* | *stable_qemu* | *proofs*)
		mapfile -t packages < <(host_packages_missing)
		check_host
		;;
	esac
	step_count=$((${#todo[@]} + (${#packages[@]} > 0)))
	if [ "${#packages[@]}" -gt 0 ]; then
		[ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null \
			|| die "packages are missing: run as root: apt-get install ${packages[*]}"
		step host "installing ${packages[*]}" install_host_packages "${packages[@]}"
	fi
	for what in "${todo[@]}"; do
		step "$what" "$(title_"$what")" with_retries "$what" make_"$what"
	done
	remove_old
}

title_lab_root() { echo "making the lab: Debian $SUITE, $(list lab.packages | wc -l) packages and theirs (2 minutes, 2 GB)"; }
title_guest_disk() { echo "making the guest's disk: Debian $SUITE, $(list guest.packages | wc -l) packages and theirs (2 minutes, 1 GB)"; }
title_guest_initramfs() { echo "making the guest's initramfs"; }
title_stable_qemu() { echo "unpacking the QEMU of Debian $STABLE (10 seconds, 200 MB)"; }
title_proofs() { echo "unpacking the CBMC of Debian $STABLE (30 seconds, 300 MB)"; }

# with_retries NAME CMD…: tries again when a download failed, and only then.
with_retries()
{
	local log=$cache/log/$1.log try
	shift
	for try in 1 2 3; do
		! "$@" || return 0
		grep -qE 'Failed to fetch|Unable to fetch|Temporary failure|Hash Sum|onnection (failed|reset|timed)' "$log" \
			|| return 1
		echo "I: a download failed, this was try $try of 3"
		sleep $((try * 5))
	done
	return 1
}

# apt's settings for the way out, as mmdebstrap has a configuration of its own.
proxy_options()
{
	local key value
	for key in Acquire::http::Proxy Acquire::https::Proxy Acquire::http::Proxy-Auto-Detect; do
		value=
		eval "$(apt-config shell value "$key" 2>/dev/null || true)"
		[ -z "$value" ] || printf '%s\n' "--aptopt=$key \"$value\""
	done
}

# make_root NAME SUITE TARGET OPTION…: a Debian root with the packages of list NAME.packages.
make_root()
{
	local name=$1 suite=$2 target=$3 mode=unshare proxies
	shift 3
	[ "$(id -u)" -ne 0 ] || mode=root
	mapfile -t proxies < <(proxy_options)
	TMPDIR=$work mmdebstrap --mode=$mode --keyring="$(keyring)" \
		--aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Retries "5"' \
		--aptopt='Acquire::Languages "none"' "${proxies[@]}" "$@" \
		--include="$(list "$name.packages" | paste -sd,)" \
		"$suite" "$target" ${VIRTIOGPUD_MIRROR:+"$VIRTIOGPUD_MIRROR"}
}

# make_tree NAME SUITE TARGET OPTION…: the same with the files being the user's own, to read and to remove.
make_tree()
{
	local name=$1 suite=$2 target=$3
	shift 3
	remove_tree "$target"
	mkdir "$target"
	if [ "$(id -u)" -eq 0 ]; then
		make_root "$name" "$suite" "$target" "$@"
	else
		make_root "$name" "$suite" - --format=tar "$@" \
			| tar -C "$target" -x --no-same-owner --exclude='./dev/*'
	fi
}

# path_excludes NAME: what the list NAME.excludes says, as options of mmdebstrap.
path_excludes() { list "$1.excludes" | sed 's/^/--dpkgopt=path-exclude=/'; }

make_lab_root()
{
	local tree=$cache/partial-lab f excludes
	mapfile -t excludes < <(path_excludes lab)
	make_tree lab "$SUITE" "$tree" --variant=minbase "${excludes[@]}" || return 1
	# Places to show the host's own files at.
	for f in passwd group hosts resolv.conf; do
		[ -f "$tree/etc/$f" ] && [ ! -L "$tree/etc/$f" ] || { rm -f "$tree/etc/$f"; : >"$tree/etc/$f"; }
	done
	mkdir -p "$tree/var/tmp"
	chmod 755 "$tree"
	mv -T -- "$tree" "$lab"
}

# Debian's own initramfs is not made: ours is smaller and starts faster.
make_guest_disk()
{
	local tree=$cache/partial-guest excludes
	remove_tree "$tree"
	mkdir "$tree"
	mapfile -t excludes < <(path_excludes guest)
	make_root guest "$SUITE" - --format=tar --variant=minbase "${excludes[@]}" \
		--essential-hook='chroot "$1" dpkg-divert --local --rename --add /usr/sbin/update-initramfs' \
		--essential-hook='ln -s /bin/true "$1/usr/sbin/update-initramfs"' \
		>"$tree/root.tar" || return 1
	in_lab "$checkout/tools/lab.d/guest-disk" "$tree/root.tar" "$tree" || return 1
	rm -f -- "$tree/root.tar"
	mv -T -- "$tree" "$guest"
}

make_guest_initramfs()
{
	local f=$cache/partial-initramfs
	in_lab "$checkout/tools/lab.d/guest-initramfs" "$guest/boot.cpio" "$checkout/tools/guest" "$f" || return 1
	rm -f -- "$guest"/initramfs-*.cpio
	mv -T -- "$f" "$initramfs"
}

# unpack NAME TARGET: the packages of list NAME.packages and what they need, of Debian stable. Only unpacked:
# nothing but the programs of the packages named is ever run.
unpack()
{
	local tree=$cache/partial-$1
	make_tree "$1" "$STABLE" "$tree" --variant=extract || return 1
	chmod 755 "$tree"
	mv -T -- "$tree" "$2"
}

make_stable_qemu() { unpack stable-qemu "$qemu"; }
make_proofs() { unpack proofs "$proofs"; }
